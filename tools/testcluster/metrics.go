package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	aggregatorv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	metricsv1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const metricsVersion = "metrics.k8s.io/v1beta1"

// registerMetrics uses an ExternalName service, the only kind that leads the aggregator to loopback.
func (n *node) registerMetrics(ctx context.Context) error {
	service := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "metrics-server", Namespace: "kube-system"},
		Spec:       v1.ServiceSpec{Type: v1.ServiceTypeExternalName, ExternalName: "localhost"},
	}
	if _, err := n.client.CoreV1().Services("kube-system").Create(ctx, service, metav1.CreateOptions{}); ignoreExists(err) != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(n.pki, "ca.crt"))
	if err != nil {
		return err
	}
	client, err := aggregator.NewForConfig(n.config)
	if err != nil {
		return err
	}
	_, err = client.ApiregistrationV1().APIServices().Create(ctx, &aggregatorv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: metricsAPIService},
		Spec: aggregatorv1.APIServiceSpec{
			Group: "metrics.k8s.io", Version: "v1beta1", GroupPriorityMinimum: 100, VersionPriority: 100, CABundle: ca,
			Service: &aggregatorv1.ServiceReference{Name: service.Name, Namespace: service.Namespace, Port: &n.port},
		},
	}, metav1.CreateOptions{})
	return ignoreExists(err)
}

func (n *node) serveMetrics(mux *http.ServeMux) {
	verbs := metav1.Verbs{"get", "list"}
	const base = "/apis/" + metricsVersion
	mux.HandleFunc("GET "+base, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: metricsVersion,
			APIResources: []metav1.APIResource{
				{Name: "nodes", Kind: "NodeMetrics", Verbs: verbs},
				{Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: verbs},
			}})
	})
	mux.HandleFunc("GET "+base+"/pods", n.listPodMetrics)
	mux.HandleFunc("GET "+base+"/namespaces/{namespace}/pods", n.listPodMetrics)
	mux.HandleFunc("GET "+base+"/namespaces/{namespace}/pods/{name}", func(w http.ResponseWriter, q *http.Request) {
		for _, m := range n.podMetrics(q.PathValue("namespace"), labels.Everything()) {
			if m.Name == q.PathValue("name") {
				answer(w, http.StatusOK, m)
				return
			}
		}
		notFound(w, "pods.metrics.k8s.io", q.PathValue("name"))
	})
	mux.HandleFunc("GET "+base+"/nodes", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, metricsv1.NodeMetricsList{TypeMeta: kind("NodeMetricsList"), Items: n.nodeMetrics()})
	})
	mux.HandleFunc("GET "+base+"/nodes/{name}", func(w http.ResponseWriter, q *http.Request) {
		for _, m := range n.nodeMetrics() {
			if m.Name == q.PathValue("name") {
				answer(w, http.StatusOK, m)
				return
			}
		}
		notFound(w, "nodes.metrics.k8s.io", q.PathValue("name"))
	})
}

func (n *node) listPodMetrics(w http.ResponseWriter, q *http.Request) {
	selector, err := labels.Parse(q.URL.Query().Get("labelSelector"))
	if err != nil {
		answer(w, http.StatusBadRequest, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status: "Failure", Message: err.Error(), Reason: metav1.StatusReasonBadRequest, Code: http.StatusBadRequest})
		return
	}
	answer(w, http.StatusOK, metricsv1.PodMetricsList{TypeMeta: kind("PodMetricsList"),
		Items: n.podMetrics(q.PathValue("namespace"), selector)})
}

func kind(name string) metav1.TypeMeta {
	return metav1.TypeMeta{Kind: name, APIVersion: metricsVersion}
}

func answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

func notFound(w http.ResponseWriter, what, name string) {
	answer(w, http.StatusNotFound, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status: "Failure", Message: what + " \"" + name + "\" not found", Reason: metav1.StatusReasonNotFound,
		Code: http.StatusNotFound})
}

func (n *node) podMetrics(namespace string, selector labels.Selector) []metricsv1.PodMetrics {
	out := []metricsv1.PodMetrics{}
	window := metav1.Duration{Duration: 2 * time.Second}
	all := n.pods.all()
	sharing := map[string]int{}
	for _, r := range all {
		if o := metav1.GetControllerOf(r.pod); o != nil && r.running() {
			sharing[string(o.UID)]++
		}
	}
	for _, r := range all {
		if (namespace != "" && r.pod.Namespace != namespace) || !selector.Matches(labels.Set(r.pod.Labels)) || !r.running() {
			continue
		}
		m := metricsv1.PodMetrics{TypeMeta: kind("PodMetrics"), Timestamp: metav1.Now(), Window: window,
			ObjectMeta: metav1.ObjectMeta{Name: r.pod.Name, Namespace: r.pod.Namespace, Labels: r.pod.Labels,
				CreationTimestamp: metav1.Now()}}
		percent, memory := r.load(sharing)
		for _, c := range r.pod.Spec.Containers {
			request := c.Resources.Requests.Cpu().MilliValue()
			if request == 0 {
				request = 100
			}
			m.Containers = append(m.Containers, metricsv1.ContainerMetrics{Name: c.Name, Usage: v1.ResourceList{
				v1.ResourceCPU:    *resource.NewMilliQuantity(int64(float64(request)*percent/100), resource.DecimalSI),
				v1.ResourceMemory: memory,
			}})
		}
		out = append(out, m)
	}
	return out
}

func (r *run) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status.Phase == v1.PodRunning
}

// load is the CPU use in percent of the request, and the memory. The owner's annotations win, as they can be changed.
func (r *run) load(sharing map[string]int) (float64, resource.Quantity) {
	owner := r.ownerAnnotations(r.pod)
	own := annotations(r.latest.Load().Annotations)
	get := func(key string) string { return owner.text(key, own.text(key, "")) }
	percent := 10.0
	if v, err := strconv.ParseFloat(get("cpu"), 64); err == nil {
		percent = v
	} else if v, err := strconv.ParseFloat(get("load"), 64); err == nil {
		if o := metav1.GetControllerOf(r.pod); o != nil && sharing[string(o.UID)] > 0 {
			v /= float64(sharing[string(o.UID)])
		}
		percent = v
	}
	if q, err := resource.ParseQuantity(get("memory")); err == nil {
		return percent, q
	}
	return percent, resource.MustParse("64Mi")
}

func (n *node) nodeMetrics() []metricsv1.NodeMetrics {
	cpu, memory, home := map[string]int64{}, map[string]int64{}, map[string]string{}
	for _, r := range n.pods.all() {
		home[r.pod.Namespace+"/"+r.pod.Name] = r.pod.Spec.NodeName
	}
	for _, m := range n.podMetrics("", labels.Everything()) {
		for _, c := range m.Containers {
			name := home[m.Namespace+"/"+m.Name]
			cpu[name] += c.Usage.Cpu().MilliValue()
			memory[name] += c.Usage.Memory().Value()
		}
	}
	var out []metricsv1.NodeMetrics
	for i := 1; i <= n.nodes; i++ {
		name := nodeName(i)
		out = append(out, metricsv1.NodeMetrics{TypeMeta: kind("NodeMetrics"),
			ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.Now()},
			Timestamp:  metav1.Now(), Window: metav1.Duration{Duration: 2 * time.Second},
			Usage: v1.ResourceList{
				v1.ResourceCPU:    *resource.NewMilliQuantity(200+cpu[name], resource.DecimalSI),
				v1.ResourceMemory: *resource.NewQuantity(1<<30+memory[name], resource.BinarySI),
			}})
	}
	return out
}
