package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	aggregatorv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
)

const metricsAPIService = "v1beta1.metrics.k8s.io"

func restConfig(kubeconfig string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 1000, 2000
	return config, nil
}

// until asks again and again; the last reason for "not yet" makes the error when time is up.
func until(ctx context.Context, what string, done func() error) error {
	for {
		err := done()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("testcluster: %s not ready in time: %w", what, err)
		case <-time.After(40 * time.Millisecond):
		}
	}
}

func waitServing(ctx context.Context, kubeconfig string) error {
	config, err := restConfig(kubeconfig)
	if err != nil {
		return err
	}
	config.Timeout = 2 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return until(ctx, "apiserver", func() error {
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// bootstrap gives the users their rights, and returns when pods can be scheduled and metrics be asked.
func bootstrap(ctx context.Context, kubeconfig string, nodes int) error {
	config, err := restConfig(kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := grant(ctx, client); err != nil {
		return err
	}
	if err := until(ctx, "nodes", func() error { return nodesReady(ctx, client, nodes) }); err != nil {
		return err
	}
	services, err := aggregator.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := until(ctx, "the metrics API", func() error {
		s, err := services.ApiregistrationV1().APIServices().Get(ctx, metricsAPIService, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range s.Status.Conditions {
			if c.Type == aggregatorv1.Available && c.Status == aggregatorv1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%v", s.Status.Conditions)
	}); err != nil {
		return err
	}
	return until(ctx, "the viewers' role", func() error {
		role, err := client.RbacV1().ClusterRoles().Get(ctx, "view", metav1.GetOptions{})
		if err == nil && len(role.Rules) == 0 {
			err = fmt.Errorf("no rules aggregated yet")
		}
		return err
	})
}

func nodesReady(ctx context.Context, client kubernetes.Interface, wanted int) error {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	ready := 0
	for _, n := range list.Items {
		for _, c := range n.Status.Conditions {
			if c.Type == v1.NodeReady && c.Status == v1.ConditionTrue && len(n.Spec.Taints) == 0 {
				ready++
			}
		}
	}
	if ready < wanted {
		return fmt.Errorf("%d of %d nodes ready and untainted", ready, wanted)
	}
	return nil
}

// grant: viewers see everything but secrets, deployers change the namespace default, nobodies may do nothing.
func grant(ctx context.Context, client kubernetes.Interface) error {
	subject := func(group string) []rbacv1.Subject {
		return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}}
	}
	ref := func(role string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	}
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	for _, role := range []*rbacv1.ClusterRole{
		{ObjectMeta: metav1.ObjectMeta{Name: "system:aggregated-metrics-reader", Labels: map[string]string{
			"rbac.authorization.k8s.io/aggregate-to-view": "true",
		}}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"metrics.k8s.io"},
			Resources: []string{"pods", "nodes"}, Verbs: []string{"get", "list"}}}},
		{ObjectMeta: named("testcluster:view-nodes"), Rules: []rbacv1.PolicyRule{{APIGroups: []string{""},
			Resources: []string{"nodes"}, Verbs: []string{"get", "list", "watch"}}}},
	} {
		if _, err := client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); ignoreExists(err) != nil {
			return err
		}
	}
	for name, role := range map[string]string{"testcluster:viewers": "view", "testcluster:viewers-nodes": "testcluster:view-nodes"} {
		b := &rbacv1.ClusterRoleBinding{ObjectMeta: named(name), Subjects: subject("testcluster:viewers"), RoleRef: ref(role)}
		if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, b, metav1.CreateOptions{}); ignoreExists(err) != nil {
			return err
		}
	}
	b := &rbacv1.RoleBinding{ObjectMeta: named("testcluster:deployers"), Subjects: subject("testcluster:deployers"), RoleRef: ref("edit")}
	return until(ctx, "the namespace default", func() error {
		_, err := client.RbacV1().RoleBindings("default").Create(ctx, b, metav1.CreateOptions{})
		return ignoreExists(err)
	})
}

func ignoreExists(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
