package kubelet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// The wire format is defined in k8s.io/kubelet/pkg/apis/credentialprovider. Those
// packages would add 2 MB to the program, so this package defines its own structs.
// .ci/kubelet compares them with the originals.
// https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/

const (
	requestKind  = "CredentialProviderRequest"
	responseKind = "CredentialProviderResponse"
	group        = "credentialprovider.kubelet.k8s.io/"
)

// versions are the API versions. A response has the version of its request.
var versions = []string{group + "v1", group + "v1beta1", group + "v1alpha1"}

// Request is a CredentialProviderRequest.
type Request struct {
	apiVersion  string
	image       string            // the image name from the kubelet, without a tag in recent versions
	token       secret.Secret     // the pod's service account token; may be empty
	annotations map[string]string // service account annotations requested in the configuration
}

// IsRequest reports whether data looks like a CredentialProviderRequest, for programs that
// expect other input.
func IsRequest(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && bytes.Contains(data, []byte(requestKind))
}

// Parse parses a request. Like the kubelet's strict decoder, it requires names to match
// exactly and be unique. Unknown names are ignored, because newer kubelets may send more.
// The error contains no values from the request, which may be secrets.
func Parse(data []byte) (Request, error) {
	fields, err := object(data)
	if err != nil {
		return Request{}, fmt.Errorf("stdin is not a %s: %w", requestKind, err)
	}
	var r Request
	var kind, token string
	for _, field := range []struct {
		name  string
		value any
	}{
		{"kind", &kind}, {"apiVersion", &r.apiVersion}, {"image", &r.image},
		{"serviceAccountToken", &token}, {"serviceAccountAnnotations", &r.annotations},
	} {
		raw, ok := fields[field.name]
		if ok && json.Unmarshal(raw, field.value) != nil {
			return Request{}, fmt.Errorf("stdin is not a %s: %s has the wrong type", requestKind, field.name)
		}
	}
	r.token = secret.New(token)
	switch {
	case kind != requestKind:
		return Request{}, fmt.Errorf("stdin is not a %s: its kind is %.60q", requestKind, kind)
	case !slices.Contains(versions, r.apiVersion):
		return Request{}, fmt.Errorf("apiVersion %.80q is not one of %s", r.apiVersion, strings.Join(versions, ", "))
	case r.image == "":
		return Request{}, errors.New("the request names no image")
	}
	return r, nil
}

var (
	errNotObject = errors.New("it is not one JSON object")
	errTwice     = errors.New("a field occurs twice")
)

// object splits a JSON object into its fields.
func object(data []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errNotObject
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, errNotObject
		}
		if _, twice := fields[name.(string)]; twice {
			return nil, errTwice
		}
		fields[name.(string)] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotObject
	}
	return fields, nil
}

// Host returns the registry in the image name. It returns "" if the name contains a
// character that is invalid in image names. It rejects a line break in the path as well
// as in the host.
// https://github.com/distribution/reference/blob/main/reference.go
func (r Request) Host() string {
	if strings.ContainsFunc(r.image, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.:/@+", c))
	}) {
		return ""
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(r.image, "https://"), "/")
	return host
}

// response is a CredentialProviderResponse.
type response struct {
	Kind          string          `json:"kind"`
	APIVersion    string          `json:"apiVersion"`
	CacheKeyType  string          `json:"cacheKeyType"`
	CacheDuration string          `json:"cacheDuration"`
	Auth          map[string]auth `json:"auth"`
}

type auth struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// answer encodes a response. The kubelet caches it for the duration keep, for all images
// in the registry. If keep is 0, it does not cache the response.
func (r Request) answer(logins map[string]auth, keep time.Duration) ([]byte, error) {
	out, err := json.Marshal(response{
		Kind: responseKind, APIVersion: r.apiVersion, CacheKeyType: "Registry",
		CacheDuration: max(0, keep).Truncate(time.Second).String(), Auth: logins,
	})
	return append(out, '\n'), err
}
