// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/karpenter/pkg/apis"
	"sigs.k8s.io/yaml"
)

// reader turns files into the objects of a scenario.
type reader struct {
	*scenario
	schemas map[string]*admission // of Karpenter's kinds
	seen    map[string]string     // kind, namespace and name of every object: where it was
}

var decoder = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// errNotObject marks a document that is no Kubernetes object at all.
var errNotObject = errors.New("not a Kubernetes object, it has no kind or no apiVersion")

// readScenario reads every document of the files and folders named; "-" is standard input.
func readScenario(ctx context.Context, paths []string, stdin io.Reader) (*scenario, error) {
	r := &reader{scenario: newScenario(), schemas: map[string]*admission{}, seen: map[string]string{}}
	for _, path := range paths {
		if path == "-" {
			if err := r.readFile(ctx, "standard input", stdin, false); err != nil {
				return nil, err
			}
			continue
		}
		files, err := manifestFiles(path)
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if err := r.openFile(ctx, name, name != path); err != nil {
				return nil, err
			}
		}
	}
	return r.scenario, r.finish()
}

// manifestFiles is the file itself, or a folder's manifests; like kubectl, not those of folders in it.
func manifestFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(entry.Name())) {
			files = append(files, filepath.Join(path, entry.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no .yaml, .yml or .json file: name the folder that has the manifests", path)
	}
	return files, nil
}

func (r *reader) openFile(ctx context.Context, name string, found bool) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return r.readFile(ctx, name, file, found)
}

// readFile reads the documents of one file. A file found in a folder may hold other things too, such
// as Helm values; a file that the user names may not.
func (r *reader) readFile(ctx context.Context, name string, file io.Reader, found bool) error {
	limited := &io.LimitedReader{R: file, N: maxBytes + 1}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(limited))
	for i := 1; ; i++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		where := fmt.Sprintf("%s, document %d", name, i)
		if limited.N == 0 {
			err = fmt.Errorf("more than %d MiB: give less at a time", maxBytes>>20)
		}
		if err == nil {
			err = r.readDocument(ctx, where, document)
		}
		if found && errors.Is(err, errNotObject) {
			r.note("%s: %v: left out", where, err)
			continue
		}
		if errors.Is(err, errNotObject) {
			err = fmt.Errorf("%w: leave it out", err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
}

func (r *reader) readDocument(ctx context.Context, where string, document []byte) error {
	raw := document
	if !json.Valid(document) {
		var err error
		if raw, err = yaml.YAMLToJSONStrict(document); err != nil {
			return fmt.Errorf("%w: write it as YAML or JSON", err)
		}
	}
	raw = bytes.TrimSpace(raw)
	if bytes.Equal(raw, []byte("null")) { // comments only
		return nil
	}
	return r.readObject(ctx, where, raw)
}

// header is what tells one object from another.
type header struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Items             []json.RawMessage `json:"items"`
}

func (r *reader) readObject(ctx context.Context, where string, raw []byte) error {
	var h header
	if !bytes.HasPrefix(raw, []byte("{")) || json.Unmarshal(raw, &h) != nil || h.Kind == "" || h.APIVersion == "" {
		return errNotObject
	}
	if strings.HasSuffix(h.Kind, "List") && h.Items != nil {
		for i, item := range h.Items {
			if err := r.readObject(ctx, where, bytes.TrimSpace(item)); err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
		return nil
	}
	gvk := schema.FromAPIVersionAndKind(h.APIVersion, h.Kind)
	thing := fmt.Sprintf("%s '%s'", h.Kind, h.Name)
	if h.Name == "" {
		return fmt.Errorf("%s without metadata.name: give it a name", h.Kind)
	}
	if h.DeletionTimestamp != nil {
		r.note("%s: %s is being deleted: left out", where, thing)
		return nil
	}
	if !scheme.Scheme.Recognizes(gvk) && gvk.Group == apis.Group {
		return fmt.Errorf("%s: Karpenter %s has no %s in %s: see 'kubectl explain'", thing, karpenterVersion(), h.Kind, h.APIVersion)
	}
	if !scheme.Scheme.Recognizes(gvk) || !r.wants(gvk) {
		r.note("%s: %s is not read: it has no part in the answer", where, thing)
		return nil
	}
	key := strings.Join([]string{gvk.GroupKind().String(), cmp.Or(h.Namespace, corev1.NamespaceDefault), h.Name}, " ")
	if before, twice := r.seen[key]; twice {
		return fmt.Errorf("%s is there already, in %s: give it once", thing, before)
	}
	r.seen[key] = where
	if err := r.admitAndAdd(ctx, gvk, where+": "+thing, raw); err != nil {
		return fmt.Errorf("%s: %w", thing, err)
	}
	return nil
}

// admitAndAdd does what an API server does with an object, and puts the outcome into the scenario.
func (r *reader) admitAndAdd(ctx context.Context, gvk schema.GroupVersionKind, from string, raw []byte) error {
	object, _, err := decoder.Decode(raw, nil, nil)
	if err != nil {
		return fmt.Errorf("%w: see 'kubectl explain %s --recursive'", err, strings.ToLower(gvk.Kind))
	}
	if gvk.Group == apis.Group {
		if r.schemas[gvk.Kind] == nil {
			if r.schemas[gvk.Kind], err = newAdmission(gvk); err != nil {
				return err
			}
		}
		if raw, err = r.schemas[gvk.Kind].admit(ctx, raw); err != nil {
			return fmt.Errorf("refused by Karpenter's CRD: %w: see 'kubectl explain %s.spec'", err, strings.ToLower(gvk.Kind))
		}
		if object, _, err = decoder.Decode(raw, nil, nil); err != nil {
			return err
		}
	}
	return r.add(from, object)
}
