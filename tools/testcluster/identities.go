package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd/api"
)

// identity is a user known by a static token; what it may do is said in bootstrap.go.
type identity struct{ file, user, group string }

var identities = []identity{
	{"token.kubeconfig", "admin-token", "system:masters"},
	{"viewer.kubeconfig", "viewer", "testcluster:viewers"},
	{"deployer.kubeconfig", "deployer", "testcluster:deployers"},
	{"nobody.kubeconfig", "nobody", "testcluster:nobodies"},
}

// writeIdentities makes the keys, the certificates, the token file and a kubeconfig for each user.
func writeIdentities(dir, server string) error {
	ca, err := newAuthority(filepath.Join(dir, "pki"))
	if err != nil {
		return err
	}
	for _, c := range []struct{ file, name, group string }{
		{"apiserver", "kube-apiserver", ""},
		{"kubelet-client", "kube-apiserver-kubelet-client", "system:masters"},
		{"aggregator", "aggregator", ""},
		{"node", "system:node", "system:nodes"},
		{"admin", "admin", "system:masters"},
	} {
		var groups []string
		if c.group != "" {
			groups = []string{c.group}
		}
		if err := ca.issue(c.file, c.name, groups...); err != nil {
			return err
		}
	}
	accounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(ca.path("serviceaccount.key"), accounts); err != nil {
		return err
	}
	var tokens strings.Builder
	for i, id := range identities {
		token := secretToken()
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", token, id.user, id.user, id.group)
		if err := ca.writeKubeconfig(filepath.Join(dir, id.file), server, id.user, &api.AuthInfo{Token: token}); err != nil {
			return err
		}
		if i == 0 {
			if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token+"\n"), 0o600); err != nil {
				return err
			}
		}
	}
	if err := os.WriteFile(ca.path("tokens.csv"), []byte(tokens.String()), 0o600); err != nil {
		return err
	}
	admin, err := ca.clientCert("admin")
	if err != nil {
		return err
	}
	return ca.writeKubeconfig(filepath.Join(dir, "kubeconfig"), server, "admin", admin)
}
