package main

import (
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// configure resolves the environment, waiting as a kubelet does while a Secret or ConfigMap is missing.
func (r *run) configure(i int, p plan) (map[string]string, bool) {
	name := r.pod.Spec.Containers[i].Name
	for {
		env, err := r.environment(&r.pod.Spec.Containers[i])
		if err == nil && time.Since(r.started) < p.recoverAfter {
			switch p.behaviour {
			case "config-error":
				err = fmt.Errorf("%s", p.or(`configmap "app-config" not found`))
			case "cache-sync":
				err = fmt.Errorf("%s", p.or("failed to sync configmap cache: timed out waiting for the condition"))
			}
		}
		if err == nil {
			return env, r.alive.Err() == nil
		}
		r.event(name, v1.EventTypeWarning, "Failed", "Error: "+err.Error())
		r.waiting(i, "CreateContainerConfigError", err.Error())
		if !sleep(r.alive, time.Second) {
			return nil, false
		}
	}
}

// values reads a Secret ("secret") or a ConfigMap ("configmap"); nil without error when it is optional and missing.
func (r *run) values(kind, name string, optional *bool) (map[string]string, error) {
	out := map[string]string{}
	var err error
	if kind == "secret" {
		var s *v1.Secret
		if s, err = r.client.CoreV1().Secrets(r.pod.Namespace).Get(r.alive, name, metav1.GetOptions{}); err == nil {
			for k, v := range s.Data {
				out[k] = string(v)
			}
		}
	} else {
		var m *v1.ConfigMap
		if m, err = r.client.CoreV1().ConfigMaps(r.pod.Namespace).Get(r.alive, name, metav1.GetOptions{}); err == nil {
			for k, v := range m.Data {
				out[k] = v
			}
			for k, v := range m.BinaryData {
				out[k] = string(v)
			}
		}
	}
	switch {
	case err == nil:
		return out, nil
	case apierrors.IsNotFound(err) && optional != nil && *optional:
		return nil, nil
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("%s %q not found", kind, name)
	}
	return nil, err
}

func (r *run) environment(c *v1.Container) (map[string]string, error) {
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		var found map[string]string
		var err error
		switch {
		case from.ConfigMapRef != nil:
			found, err = r.values("configmap", from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
		case from.SecretRef != nil:
			found, err = r.values("secret", from.SecretRef.Name, from.SecretRef.Optional)
		}
		if err != nil {
			return nil, err
		}
		for k, v := range found {
			env[from.Prefix+k] = v
		}
	}
	mapping := expansion.MappingFuncFor(env)
	for _, e := range c.Env {
		if e.ValueFrom == nil {
			env[e.Name] = expansion.Expand(e.Value, mapping)
			continue
		}
		v, found, err := r.valueFrom(e.ValueFrom)
		if err != nil {
			return nil, err
		}
		if found {
			env[e.Name] = v
		}
	}
	return env, nil
}

func (r *run) valueFrom(s *v1.EnvVarSource) (string, bool, error) {
	switch {
	case s.ConfigMapKeyRef != nil:
		return r.key("configmap", "ConfigMap", s.ConfigMapKeyRef.Name, s.ConfigMapKeyRef.Key, s.ConfigMapKeyRef.Optional)
	case s.SecretKeyRef != nil:
		return r.key("secret", "Secret", s.SecretKeyRef.Name, s.SecretKeyRef.Key, s.SecretKeyRef.Optional)
	case s.FieldRef != nil:
		switch s.FieldRef.FieldPath {
		case "spec.nodeName":
			return r.pod.Spec.NodeName, true, nil
		case "spec.serviceAccountName":
			return r.pod.Spec.ServiceAccountName, true, nil
		case "status.podIP", "status.podIPs":
			return r.ip, true, nil
		case "status.hostIP", "status.hostIPs":
			return "127.0.0.1", true, nil
		}
		v, err := fieldpath.ExtractFieldPathAsString(r.pod, s.FieldRef.FieldPath)
		return v, err == nil, err
	}
	return "", false, nil
}

func (r *run) key(kind, title, name, key string, optional *bool) (string, bool, error) {
	found, err := r.values(kind, name, optional)
	if err != nil {
		return "", false, err
	}
	v, ok := found[key]
	if !ok && (optional == nil || !*optional) {
		return "", false, fmt.Errorf("couldn't find key %s in %s %s/%s", key, title, r.pod.Namespace, name)
	}
	return v, ok, nil
}

// mount keeps the pod in ContainerCreating while a volume's Secret or ConfigMap is missing.
func (r *run) mount() bool {
	for {
		ok := true
		for _, volume := range r.pod.Spec.Volumes {
			if err := r.checkVolume(&volume); err != nil {
				ok = false
				r.event("", v1.EventTypeWarning, "FailedMount",
					fmt.Sprintf("MountVolume.SetUp failed for volume %q : %v", volume.Name, err))
			}
		}
		if ok {
			return r.alive.Err() == nil
		}
		if !sleep(r.alive, time.Second) {
			return false
		}
	}
}

func (r *run) checkVolume(volume *v1.Volume) error {
	check := func(kind, name string, items []v1.KeyToPath, optional *bool) error {
		found, err := r.values(kind, name, optional)
		if err != nil || found == nil {
			return err
		}
		for _, item := range items {
			if _, ok := found[item.Key]; !ok && (optional == nil || !*optional) {
				return fmt.Errorf("references non-existent %s key: %s", strings.TrimSuffix(kind, "map"), item.Key)
			}
		}
		return nil
	}
	if s := volume.Secret; s != nil {
		return check("secret", s.SecretName, s.Items, s.Optional)
	}
	if m := volume.ConfigMap; m != nil {
		return check("configmap", m.Name, m.Items, m.Optional)
	}
	if volume.Projected == nil {
		return nil
	}
	for _, source := range volume.Projected.Sources {
		var err error
		if s := source.Secret; s != nil {
			err = check("secret", s.Name, s.Items, s.Optional)
		} else if m := source.ConfigMap; m != nil {
			err = check("configmap", m.Name, m.Items, m.Optional)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
