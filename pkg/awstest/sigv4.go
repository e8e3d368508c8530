package awstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// signature is a parsed Authorization header.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
type signature struct {
	key, date, region, service string
	signed                     []string
	hex                        string
}

const (
	algorithm = "AWS4-HMAC-SHA256"
	maxSkew   = 5 * time.Minute
)

func parseSignature(header string) (s signature, ok bool) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return s, false
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[k] = v
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || parts["SignedHeaders"] == "" || len(parts["Signature"]) != 64 {
		return s, false
	}
	return signature{
		key: scope[0], date: scope[1], region: scope[2], service: scope[3], signed: strings.Split(parts["SignedHeaders"], ";"),
		hex: parts["Signature"],
	}, true
}

// refusal is the error for an invalid signature. JSON services and STS use different codes.
type refusal struct{ code, stsCode, message string }

// verify returns the principal that signed the request and the region in the signature.
// Call with mu held.
func (a *AWS) verify(q *request, service string) (*principal, string, answer) {
	p, region, no := a.check(q, service)
	if no == nil {
		return p, region, answer{}
	}
	if q.service == STS {
		return nil, "", q.fail(http.StatusForbidden, no.stsCode, no.message)
	}
	return nil, "", q.fail(http.StatusBadRequest, no.code, no.message)
}

func (a *AWS) check(q *request, service string) (*principal, string, *refusal) {
	invalid := func(format string, v ...any) (*principal, string, *refusal) {
		return nil, "", &refusal{"InvalidSignatureException", "SignatureDoesNotMatch", fmt.Sprintf(format, v...)}
	}
	unknown := &refusal{"UnrecognizedClientException", "InvalidClientTokenId", "The security token included in the request is invalid."}
	header := q.Header.Get("Authorization")
	if header == "" {
		return nil, "", &refusal{"MissingAuthenticationTokenException", "MissingAuthenticationToken", "Missing Authentication Token"}
	}
	s, ok := parseSignature(header)
	if !ok {
		return nil, "", &refusal{"IncompleteSignatureException", "IncompleteSignature", "Authorization header is malformed"}
	}
	date, err := time.Parse("20060102T150405Z", q.Header.Get("X-Amz-Date"))
	now := a.advanced(a.opt.SignatureClock)
	switch {
	case err != nil || !strings.HasPrefix(q.Header.Get("X-Amz-Date"), s.date):
		return invalid("Credential date does not match the request's")
	case now.Sub(date) > maxSkew:
		return invalid("Signature expired: %s is now earlier than %s", q.Header.Get("X-Amz-Date"), now.Add(-maxSkew).UTC().Format("20060102T150405Z"))
	case date.Sub(now) > maxSkew:
		return invalid("Signature not yet current: %s is still later than %s", q.Header.Get("X-Amz-Date"), now.Add(maxSkew).UTC().Format("20060102T150405Z"))
	case s.service != service:
		return invalid("Credential should be scoped to correct service: '%s'.", service)
	case q.region != "" && s.region != q.region:
		return invalid("Credential should be scoped to a valid region.")
	}
	p := a.state.keys[s.key]
	if p == nil || p.partition != "" && p.partition != partitionOf(s.region).id || q.Header.Get("X-Amz-Security-Token") != p.token {
		return nil, "", unknown
	}
	for _, must := range []string{"host", "x-amz-date", "x-amz-security-token", "x-amz-target"} {
		if (must == "host" || q.Header.Get(must) != "") && !slices.Contains(s.signed, must) {
			return invalid("'%s' must be a 'SignedHeader' in the AWS Authorization.", must)
		}
	}
	if got := q.sign(s, p.secret); !hmac.Equal([]byte(got), []byte(s.hex)) {
		return invalid("The request signature we calculated does not match the signature you provided.")
	}
	if !p.expires.IsZero() && !a.Now().Before(p.expires) {
		return nil, "", &refusal{"ExpiredTokenException", "ExpiredToken", "The security token included in the request is expired"}
	}
	return p, s.region, nil
}

// sign computes the expected signature of the request.
func (q *request) sign(s signature, secret string) string {
	canonical := sha256.Sum256([]byte(q.canonical(s.signed)))
	scope := strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/")
	text := strings.Join([]string{algorithm, q.Header.Get("X-Amz-Date"), scope, hex.EncodeToString(canonical[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func (q *request) canonical(signed []string) string {
	var headers strings.Builder
	for _, name := range signed {
		var value string
		switch name {
		case "host":
			value = q.Host
		case "content-length":
			value = strconv.FormatInt(q.ContentLength, 10)
		default:
			value = strings.Join(q.Header.Values(name), ",")
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	path := q.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	body := sha256.Sum256(q.body)
	return strings.Join([]string{q.Method, path, canonicalQuery(q.URL.Query()), headers.String(), strings.Join(signed, ";"),
		hex.EncodeToString(body[:])}, "\n")
}

func canonicalQuery(v url.Values) string {
	var pairs []string
	for k, values := range v {
		for _, value := range values {
			pairs = append(pairs, strings.ReplaceAll(url.QueryEscape(k)+"="+url.QueryEscape(value), "+", "%20"))
		}
	}
	sort.Strings(pairs)
	return strings.Join(pairs, "&")
}
