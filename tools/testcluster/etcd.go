package main

import (
	"flag"
	"log"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

func runEtcd() int {
	dir := flag.String("dir", "", "data directory")
	client := flag.String("client", "", "client address, host:port")
	peer := flag.String("peer", "", "peer address, host:port")
	flag.Parse()
	c := embed.NewConfig()
	c.Dir = *dir
	c.LogLevel = "error"
	c.UnsafeNoFsync = true // tests only: nothing here must survive the machine
	// A lone member would otherwise wait a second before it elects itself.
	c.TickMs, c.ElectionMs = 10, 100
	clientURL := url.URL{Scheme: "http", Host: *client}
	peerURL := url.URL{Scheme: "http", Host: *peer}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{clientURL}, []url.URL{clientURL}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peerURL}, []url.URL{peerURL}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	e, err := embed.StartEtcd(c)
	if err != nil {
		log.Print(err)
		return 1
	}
	select {
	case <-e.Server.ReadyNotify():
	case <-time.After(30 * time.Second):
		log.Print("etcd did not become ready")
		return 1
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	select {
	case <-term:
		return 0
	case err := <-e.Err():
		log.Print(err)
		return 1
	}
}
