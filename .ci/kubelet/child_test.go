package kubelet

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/credentialprovider/plugin"
)

// The kubelet registers its providers once per process, so each case runs in a new
// process. The process runs this test binary with the case on stdin.

// childVariable marks such a process.
const childVariable = "KUBELET_CASE"

// kubeletCase describes the pulls of a kubelet.
type kubeletCase struct {
	Config string // path of the CredentialProviderConfig
	BinDir string
	Rounds int // number of times that all pulls are made
	Pulls  []pull
}

// pull is one image of one pod. The pulls of a round run concurrently.
type pull struct {
	Image, Namespace, Pod, Account string
	Role                           string // annotation of the service account
	Token                          string // service account token issued by the API server
}

// found is the login that the kubelet would send to the registry.
type found struct{ Username, Password string }

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	var c kubeletCase
	err := json.NewDecoder(os.Stdin).Decode(&c)
	var all [][]found
	if err == nil {
		all, err = c.run()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(all)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run makes the pulls of each round. A pull without a login has an empty found.
func (c kubeletCase) run() ([][]found, error) {
	pods := map[string]pull{} // by the service account
	for _, p := range c.Pulls {
		pods[p.Namespace+"/"+p.Account] = p
	}
	token := func(namespace, name string, _ *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error) {
		return &authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{
			Token: pods[namespace+"/"+name].Token, ExpirationTimestamp: metav1.NewTime(time.Now().Add(time.Hour)),
		}}, nil
	}
	account := func(namespace, name string) (*corev1.ServiceAccount, error) {
		annotations := map[string]string{}
		if role := pods[namespace+"/"+name].Role; role != "" {
			annotations["eks.amazonaws.com/ecr-role-arn"] = role
		}
		return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID("uid-" + name), Annotations: annotations,
		}}, nil
	}
	if err := plugin.RegisterCredentialProviderPlugins(c.Config, c.BinDir, token, account); err != nil {
		return nil, err
	}
	all := make([][]found, c.Rounds)
	for round := range all {
		all[round] = make([]found, len(c.Pulls))
		var pulls sync.WaitGroup
		for i, p := range c.Pulls {
			pulls.Go(func() {
				logins, _ := plugin.NewExternalCredentialProviderDockerKeyring(p.Namespace, p.Pod, "uid-"+p.Pod, p.Account).Lookup(p.Image)
				if len(logins) > 0 {
					all[round][i] = found{logins[0].Username, logins[0].Password}
				}
			})
		}
		pulls.Wait()
	}
	return all, nil
}
