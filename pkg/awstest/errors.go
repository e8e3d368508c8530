package awstest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// fail returns an error in the format of the request's service. code is an exception name
// or, for OIDC, an OAuth error.
func (q *request) fail(status int, code, message string) answer {
	switch q.service {
	case OIDC:
		return oauthError(status, code, message)
	case Portal:
		return jsonError(status, "com.amazonaws.switchboard.portal#"+code, code, message)
	case ECR, ECRPublic:
		return jsonError(status, code, code, message)
	case STS:
		return xmlError(status, code, message)
	case Registry, PublicRegistry:
		body, _ := json.Marshal(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
		return answer{status: status, header: typed("application/json"), body: body, err: code}
	}
	body, _ := json.Marshal(map[string]string{"code": code, "message": message})
	return answer{status: status, header: typed("application/json"), body: body, err: code}
}

func typed(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

// oauthError returns an sso-oidc error: the OAuth name in the body, the exception name in a
// header.
func oauthError(status int, code, message string) answer {
	code = oauthName(code)
	body, _ := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{code, message})
	h := typed("application/json")
	h.Set("X-Amzn-Errortype", exceptionName(code)+":http://internal.amazon.com/coral/com.amazonaws.sso.oidc/")
	return answer{status: status, header: h, body: body, err: code}
}

// exceptionName converts slow_down to SlowDownException.
func exceptionName(code string) string {
	if code == "server_error" {
		return "InternalServerException"
	}
	if strings.HasSuffix(code, "Exception") {
		return code
	}
	var b strings.Builder
	for pw := range strings.SplitSeq(code, "_") {
		if pw != "" {
			b.WriteString(strings.ToUpper(pw[:1]) + pw[1:])
		}
	}
	return b.String() + "Exception"
}

// oauthName converts SlowDownException to slow_down. Names that OAuth does not define are
// unchanged.
func oauthName(code string) string {
	name, ok := strings.CutSuffix(code, "Exception")
	if !ok || code == "TooManyRequestsException" || code == "UnknownOperationException" {
		return code
	}
	if code == "InternalServerException" {
		return "server_error"
	}
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func jsonError(status int, kind, code, message string) answer {
	body, _ := json.Marshal(map[string]string{"message": message, "__type": kind})
	h := typed("application/x-amz-json-1.1")
	h.Set("X-Amzn-Errortype", code)
	return answer{status: status, header: h, body: body, err: code}
}

func xmlError(status int, code, message string) answer {
	var text strings.Builder
	xml.EscapeText(&text, []byte(message))
	body := fmt.Sprintf(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code>`+
		`<Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`, code, text.String(), random32(26))
	return answer{status: status, header: typed("text/xml"), body: []byte(body), err: code}
}

// ok returns a 200 response with a JSON body.
func (q *request) ok(v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic("awstest: " + err.Error())
	}
	contentType := "application/json"
	if q.service == ECR || q.service == ECRPublic {
		contentType = "application/x-amz-json-1.1"
	}
	return answer{status: http.StatusOK, header: typed(contentType), body: body}
}

// object is a JSON object to be encoded.
type object = map[string]any
