package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"k8s.io/client-go/tools/clientcmd"
)

// access is what Lemmy's own reader prints too: what decides how a cluster is reached, and as whom.
type access struct {
	Server        string              `json:"server"`
	Namespace     string              `json:"namespace"`
	ServerName    string              `json:"server_name"`
	Insecure      bool                `json:"insecure"`
	CA            string              `json:"ca"`
	Proxy         string              `json:"proxy"`
	Certificate   string              `json:"certificate"`
	Key           string              `json:"key"`
	Token         string              `json:"token"`
	TokenFile     string              `json:"token_file"`
	Username      string              `json:"username"`
	Password      string              `json:"password"`
	As            string              `json:"as"`
	AsUID         string              `json:"as_uid"`
	AsGroups      []string            `json:"as_groups"`
	AsExtra       map[string][]string `json:"as_extra"`
	Exec          []string            `json:"exec"`
	ExecEnv       []string            `json:"exec_env"`
	ProvideInfo   bool                `json:"provide_cluster_info"`
}

// runKubeconfig prints, for each line of standard input (a JSON object of "files", "context"), what client-go makes of
// it: {"access": ...} or {"error": "..."}.
func runKubeconfig() int {
	in := json.NewDecoder(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for in.More() {
		var asked struct {
			Files   []string `json:"files"`
			Context string   `json:"context"`
		}
		if err := in.Decode(&asked); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 2
		}
		found, err := readAccess(asked.Files, asked.Context)
		answer := map[string]any{"access": found}
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			return 1
		}
	}
	return 0
}

func readAccess(files []string, context string) (*access, error) {
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: files}
	if len(files) == 1 {
		rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: files[0]}
	}
	client := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: context})
	c, err := client.ClientConfig()
	if err != nil {
		return nil, err
	}
	namespace, _, err := client.Namespace()
	if err != nil {
		return nil, err
	}
	a := &access{Server: c.Host, Namespace: namespace, ServerName: c.ServerName, Insecure: c.Insecure,
		Token: c.BearerToken, TokenFile: c.BearerTokenFile, Username: c.Username, Password: c.Password,
		As: c.Impersonate.UserName, AsUID: c.Impersonate.UID, AsGroups: c.Impersonate.Groups, AsExtra: c.Impersonate.Extra}
	for _, pem := range []struct {
		to   *string
		data []byte
		file string
	}{{&a.CA, c.CAData, c.CAFile}, {&a.Certificate, c.CertData, c.CertFile}, {&a.Key, c.KeyData, c.KeyFile}} {
		*pem.to = string(pem.data)
		if len(pem.data) == 0 && pem.file != "" {
			data, err := os.ReadFile(pem.file)
			if err != nil {
				return nil, err
			}
			*pem.to = string(data)
		}
	}
	if c.Proxy != nil {
		raw, err := client.RawConfig()
		if err != nil {
			return nil, err
		}
		name := context
		if name == "" {
			name = raw.CurrentContext
		}
		a.Proxy = raw.Clusters[raw.Contexts[name].Cluster].ProxyURL
	}
	if c.ExecProvider != nil {
		a.Exec = append([]string{c.ExecProvider.Command}, c.ExecProvider.Args...)
		for _, e := range c.ExecProvider.Env {
			a.ExecEnv = append(a.ExecEnv, e.Name+"="+e.Value)
		}
		sort.Strings(a.ExecEnv)
		a.ProvideInfo = c.ExecProvider.ProvideClusterInfo
	}
	return a, nil
}
