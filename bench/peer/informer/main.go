// The peer of bench/memory.py: client-go's shared informers on the same lists as Lemmy's live picture.
//
//	informer KUBECONFIG [events]
//
// Prints "idle RSS", once connected and before anything was asked for; then, for each line on standard input, the
// number of pods in its store, the resident memory in KiB, and the same after a forced collection. It takes part in
// nothing else: an informer as small as one can be.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const ours = "app.kubernetes.io/managed-by=lemmy"

func rss() int {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Rss:" {
			n, _ := strconv.Atoi(fields[1])
			return n
		}
	}
	return 0
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		panic(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	if _, err := client.Discovery().ServerVersion(); err != nil {
		panic(err)
	}
	debug.FreeOSMemory()
	fmt.Println("idle", rss())

	labelled := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = ours }))
	pods := labelled.Core().V1().Pods().Informer()
	all := []cache.InformerSynced{pods.HasSynced}
	for _, i := range []cache.SharedIndexInformer{
		labelled.Core().V1().ReplicationControllers().Informer(),
		labelled.Autoscaling().V2().HorizontalPodAutoscalers().Informer()} {
		all = append(all, i.HasSynced)
	}
	ctx := context.Background()
	labelled.Start(ctx.Done())
	if len(os.Args) > 2 && os.Args[2] == "events" {
		rest := informers.NewSharedInformerFactory(client, 0)
		all = append(all, rest.Core().V1().Events().Informer().HasSynced)
		rest.Start(ctx.Done())
	}
	cache.WaitForCacheSync(ctx.Done(), all...)

	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		before := rss()
		debug.FreeOSMemory() // collects, and gives back what is free
		fmt.Println(len(pods.GetStore().ListKeys()), before, rss())
	}
}
