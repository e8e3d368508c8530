package credhelper_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
)

// The examples run against a fake AWS in a temporary home directory. A real program passes
// os.Environ() as the environment and omits the transport.

// Push an image with go-containerregistry, using the user's SSO sign-in.
func Example() {
	environment, transport, end := signedInHome(signedIn)
	defer end()

	helper := credhelper.New(
		credhelper.WithEnv(environment), // os.Environ()
		credhelper.WithTransport(transport),
		credhelper.WithUserAgent("shipit/1.2"),
	)
	image, err := name.ParseReference("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app:v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	keychain := authn.NewKeychainFromHelper(helper)
	if err := remote.Write(image, empty.Image, remote.WithAuthFromKeychain(keychain), remote.WithTransport(transport)); err != nil {
		fmt.Println(err)
		return
	}
	tags, err := crane.ListTags(image.Context().String(), crane.WithAuthFromKeychain(keychain), crane.WithTransport(transport))
	fmt.Println(tags, err)
	// Output: [v1] <nil>
}

// strict is a keychain that returns login errors. In contrast, authn.NewKeychainFromHelper
// continues anonymously after any error, and the user sees only the registry's 401.
type strict struct{ *credhelper.Helper }

func (s strict) Resolve(r authn.Resource) (authn.Authenticator, error) {
	user, password, err := s.Get(r.RegistryStr())
	if credentials.IsErrCredentialsNotFound(err) {
		return authn.Anonymous, nil // another registry
	}
	if err != nil {
		return nil, err
	}
	return &authn.Basic{Username: user, Password: password}, nil
}

// Use a keychain that returns login errors.
func ExampleHelper_keychain() {
	environment, transport, end := signedInHome(nil)
	defer end()
	helper := credhelper.New(credhelper.WithEnv(environment), credhelper.WithTransport(transport))
	image, _ := name.ParseReference("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app:v1")
	_, err := remote.Head(image, remote.WithAuthFromKeychain(strict{helper}), remote.WithTransport(transport))
	fmt.Println(err)
	// Output: not signed in to SSO session "corp"; run: docker-credential-ecr-sso login --sso-session corp
}

// Handle an error.
func ExampleHelper_Get() {
	environment, transport, end := signedInHome(expired)
	defer end()
	helper := credhelper.New(credhelper.WithEnv(environment), credhelper.WithTransport(transport))
	_, _, err := helper.Get("123456789012.dkr.ecr.us-east-1.amazonaws.com")
	switch {
	case credentials.IsErrCredentialsNotFound(err):
		fmt.Println("not ECR: continue without a login")
	case errors.Is(err, credhelper.ErrNotSignedIn), errors.Is(err, credhelper.ErrSessionExpired), errors.Is(err, credhelper.ErrSessionRevoked):
		fmt.Println("sign in:", err)
	case errors.Is(err, credhelper.ErrNotAssigned), errors.Is(err, credhelper.ErrDenied):
		fmt.Println("ask for access:", err)
	case errors.Is(err, credhelper.ErrProfile), errors.Is(err, credhelper.ErrAmbiguous), errors.Is(err, credhelper.ErrNoCredentials):
		fmt.Println("configure:", err)
	case errors.Is(err, credhelper.ErrNetwork), errors.Is(err, credhelper.ErrService):
		fmt.Println("try again later:", err)
	}
	// Output: sign in: SSO session "corp" expired 1h ago; run: docker-credential-ecr-sso login --sso-session corp
}

// Show the commands that fix an error in another form.
func ExampleCommands() {
	environment, transport, end := signedInHome(expired)
	defer end()
	helper := credhelper.New(credhelper.WithEnv(environment), credhelper.WithTransport(transport))
	_, _, err := helper.Get("123456789012.dkr.ecr.us-east-1.amazonaws.com")
	for _, command := range credhelper.Commands(err) {
		fmt.Println(command)
	}
	// Output: docker-credential-ecr-sso login --sso-session corp
}

// Use the program's settings instead of the user's file.
func ExampleWithSettings() {
	environment, transport, end := signedInHome(signedIn)
	defer end()
	helper := credhelper.New(
		credhelper.WithEnv(environment), credhelper.WithTransport(transport),
		credhelper.WithSettings(credhelper.Settings{
			Profiles: map[string]string{"*.dkr.ecr.*.amazonaws.com": "prod"},
			Cache:    credhelper.CacheNone,
		}),
	)
	user, _, err := helper.Get("123456789012.dkr.ecr.us-east-1.amazonaws.com")
	fmt.Println(user, err)
	// Output: AWS <nil>
}

// Login also returns the expiry and the identity.
func ExampleHelper_Login() {
	environment, transport, end := signedInHome(signedIn)
	defer end()
	helper := credhelper.New(credhelper.WithEnv(environment), credhelper.WithTransport(transport))
	login, err := helper.Login(context.Background(), "123456789012.dkr.ecr.us-east-1.amazonaws.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(login.Username, login.Identity.Profile, time.Until(login.ExpiresAt).Round(time.Hour))
	// Output: AWS prod 12h0m0s
}

// Let the user sign in while a Get waits.
func ExampleWithSignIn() {
	environment, transport, end := signedInHome(expired)
	defer end()
	helper := credhelper.New(credhelper.WithEnv(environment), credhelper.WithTransport(transport),
		credhelper.WithSignIn(func(ctx context.Context, r credhelper.SignInRequest) error {
			fmt.Printf("SSO session %s is %s, and %s needs it\n", r.Session.Name, r.Session.State, r.Host)
			if !userPresent {
				return credhelper.ErrNoUser
			}
			return r.SignIn(ctx, credhelper.SignInOptions{Output: os.Stderr})
		}))
	_, _, err := helper.Get("123456789012.dkr.ecr.us-east-1.amazonaws.com")
	fmt.Println(errors.Is(err, credhelper.ErrSessionExpired))
	// Output:
	// SSO session corp is expired, and 123456789012.dkr.ecr.us-east-1.amazonaws.com needs it
	// true
}

const userPresent = false // there is no user in a test

// signedInHome returns a fake AWS and the environment of a user with a profile in it.
func signedInHome(sign func(*awstest.AWS, *awstest.Home)) ([]string, http.RoundTripper, func()) {
	aws, err := awstest.New(awstest.Options{})
	if err != nil {
		panic(err)
	}
	aws.AddAccount("123456789012", "Production", "prod@example.com", "Push")
	dir, err := os.MkdirTemp("", "office")
	if err != nil {
		panic(err)
	}
	home := aws.Home(dir)
	home.SSOProfile("prod", "corp", startURL, region, "123456789012", "Push")
	if sign != nil {
		sign(aws, home)
	}
	return home.Env(), aws.Transport(), func() { aws.Close(); os.RemoveAll(dir) }
}

func signedIn(aws *awstest.AWS, home *awstest.Home) {
	home.WriteToken("corp", aws.SignIn(startURL, region, true))
}

func expired(aws *awstest.AWS, home *awstest.Home) {
	token := aws.SignIn(startURL, region, false)
	token.ExpiresAt = time.Now().Add(-time.Hour)
	home.WriteToken("corp", token)
}
