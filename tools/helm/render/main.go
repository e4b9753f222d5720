// Command causeway-render renders many Helm releases in one process, as `helm template` renders one:
// offline, from Helm's own packages at the version that go.mod pins.
//
// Standard input is a JSON list of requests, standard output the list of answers in the same order. An answer
// holds either the parts that the chart rendered, or Helm's error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"helm.sh/helm/v4/pkg/action"
	charts "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	release "helm.sh/helm/v4/pkg/release/v1"
	"sigs.k8s.io/yaml"
)

var version = "dev" // set by the build

type request struct {
	Chart      string         `json:"chart"` // folder or archive
	Name       string         `json:"name"`
	Namespace  string         `json:"namespace"`
	Kubernetes string         `json:"kubernetes"`
	Values     map[string]any `json:"values"`
}

type part struct {
	Source string          `json:"source"` // the template it came from
	Object json.RawMessage `json:"object"`
}

type answer struct {
	Parts []part `json:"parts"`
	Error string `json:"error,omitempty"`
}

var (
	separator = regexp.MustCompile(`(?:^|\n)---[ \t]*(?:\n|$)`)
	source    = regexp.MustCompile(`(?m)^# Source: (\S+)`)
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println("v" + strings.TrimPrefix(version, "v"))
		return
	}
	var requests []request
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		fmt.Fprintln(os.Stderr, "standard input is no list of requests:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(renderAll(requests)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// renderAll renders on every core. Each request loads its chart afresh, since Helm changes a chart as it renders it.
func renderAll(requests []request) []answer {
	answers := make([]answer, len(requests))
	turns := make(chan int)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for at := range turns {
				parts, err := render(requests[at])
				if answers[at].Parts = parts; err != nil {
					answers[at].Error = err.Error()
				}
			}
		})
	}
	for at := range requests {
		turns <- at
	}
	close(turns)
	workers.Wait()
	return answers
}

// render does what `helm template --is-upgrade --include-crds` does.
func render(asked request) ([]part, error) {
	loaded, err := loader.Load(asked.Chart)
	if err != nil {
		return nil, err
	}
	found, ok := loaded.(*chart.Chart)
	if !ok {
		return nil, fmt.Errorf("%s is no chart of apiVersion v1 or v2", asked.Chart)
	}
	if found.Metadata.Type != "" && found.Metadata.Type != "application" {
		return nil, fmt.Errorf("%s charts are not installable", found.Metadata.Type)
	}
	accessor, err := charts.NewAccessor(found)
	if err != nil {
		return nil, err
	}
	if err := action.CheckDependencies(found, accessor.MetaDependencies()); err != nil {
		return nil, err
	}
	kubernetes, err := common.ParseKubeVersion(asked.Kubernetes)
	if err != nil {
		return nil, fmt.Errorf("invalid kube version '%s': %w", asked.Kubernetes, err)
	}
	client := action.NewInstall(action.NewConfiguration())
	client.DryRunStrategy = action.DryRunClient
	client.ReleaseName = asked.Name
	client.Namespace = asked.Namespace
	client.KubeVersion = kubernetes
	client.Replace = true // skips the check of the name
	client.IncludeCRDs = true
	client.IsUpgrade = true
	made, err := client.Run(found, asked.Values)
	if err != nil {
		return nil, err
	}
	return parts(made.(*release.Release))
}

// parts splits what was rendered into its documents.
func parts(made *release.Release) ([]part, error) {
	var found []part
	add := func(name, text string) error {
		document, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			return fmt.Errorf("YAML parse error on %s: %w", name, err)
		}
		if string(document) != "null" {
			found = append(found, part{name, document})
		}
		return nil
	}
	for _, text := range separator.Split(made.Manifest, -1) {
		name := ""
		if match := source.FindStringSubmatch(text); match != nil {
			name = match[1]
		}
		if err := add(name, text); err != nil {
			return nil, err
		}
	}
	for _, hook := range made.Hooks {
		if err := add(hook.Path, hook.Manifest); err != nil {
			return nil, err
		}
	}
	return found, nil
}
