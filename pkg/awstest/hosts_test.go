package awstest

import "testing"

func TestParseHost(t *testing.T) {
	for host, want := range map[string]target{
		"oidc.us-east-1.amazonaws.com":                                {service: OIDC, region: "us-east-1"},
		"OIDC.us-east-1.amazonaws.com":                                {service: OIDC, region: "us-east-1"},
		"portal.sso.cn-north-1.amazonaws.com.cn":                      {service: Portal, region: "cn-north-1"},
		"portal.sso-fips.us-east-1.amazonaws.com":                     {service: Portal, region: "us-east-1"},
		"api.ecr-fips.us-gov-west-1.amazonaws.com":                    {service: ECR, region: "us-gov-west-1"},
		"ecr.eu-west-1.api.aws":                                       {service: ECR, region: "eu-west-1"},
		"api.ecr.eusc-de-east-1.amazonaws.eu":                         {service: ECR, region: "eusc-de-east-1"},
		"api.ecr-public.us-east-1.amazonaws.com":                      {service: ECRPublic, region: "us-east-1"},
		"ecr-public.us-east-1.api.aws":                                {service: ECRPublic, region: "us-east-1"},
		"sts.amazonaws.com":                                           {service: STS, region: "us-east-1"},
		"device.sso.eu-west-1.amazonaws.com":                          {service: Device, region: "eu-west-1"},
		"public.ecr.aws":                                              {service: PublicRegistry, region: "us-east-1"},
		"123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov":               {service: Registry, region: "us-iso-east-1", account: "123456789012"},
		"123456789012.dkr-ecr-fips.us-west-2.on.aws":                  {service: Registry, region: "us-west-2", account: "123456789012"},
		"123456789012.dkr.ecr.cn-north-1.on.amazonwebservices.com.cn": {service: Registry, region: "cn-north-1", account: "123456789012"},

		"api.ecr.us-east-1.api.aws":                    {},
		"ecr.us-east-1.amazonaws.com":                  {},
		"oidc.cn-north-1.amazonaws.com":                {},
		"oidc.us-east-1.amazonaws.com.cn":              {},
		"123456789012.dkr-ecr.us-east-1.amazonaws.com": {},
		"123456789012.dkr.ecr.s3.amazonaws.com":        {},
		"oidc.us-east-1.amazonaws.com.evil.example":    {},
		"us-east-1.amazonaws.com":                      {},
		"":                                             {},
	} {
		got, ok := parseHost(host)
		got.host = ""
		if ok != (want != target{}) || ok && got != want {
			t.Errorf("%q: %+v, %v", host, got, ok)
		}
	}
}
