package awstest

// Op is the name of an operation, a service (all its operations), or Any.
type Op string

// Services.
const (
	OIDC           Op = "sso-oidc"
	Portal         Op = "sso"
	ECR            Op = "ecr"
	ECRPublic      Op = "ecr-public"
	STS            Op = "sts"
	Signin         Op = "signin"          // renews `aws login` sessions
	Registry       Op = "registry"        // ACCOUNT.dkr.ecr.REGION...
	PublicRegistry Op = "public-registry" // public.ecr.aws
	Device         Op = "device"          // the device code page
	Container      Op = "container"       // AWS_CONTAINER_CREDENTIALS_FULL_URI
	Metadata       Op = "imds"            // AWS_EC2_METADATA_SERVICE_ENDPOINT
	Vanity         Op = "vanity"          // a company host that redirects to its portal
	Any            Op = "*"
)

// Operations.
const (
	RegisterClient              Op = "RegisterClient"
	StartDeviceAuthorization    Op = "StartDeviceAuthorization"
	CreateToken                 Op = "CreateToken"
	Authorize                   Op = "Authorize"
	ListAccounts                Op = "ListAccounts"
	ListAccountRoles            Op = "ListAccountRoles"
	GetRoleCredentials          Op = "GetRoleCredentials"
	Logout                      Op = "Logout"
	GetAuthorizationToken       Op = "GetAuthorizationToken"       // ECR
	GetPublicAuthorizationToken Op = "GetPublicAuthorizationToken" // ECR Public
	CreateOAuth2Token           Op = "CreateOAuth2Token"
	GetCallerIdentity           Op = "GetCallerIdentity"
	AssumeRole                  Op = "AssumeRole"
	AssumeRoleWithWebIdentity   Op = "AssumeRoleWithWebIdentity"
	ApproveDevice               Op = "ApproveDevice"
	ContainerCredentials        Op = "ContainerCredentials"
	MetadataToken               Op = "MetadataToken"
	MetadataCredentials         Op = "MetadataCredentials"
	RegistryRead                Op = "RegistryRead"
	RegistryWrite               Op = "RegistryWrite"
	Unknown                     Op = "Unknown" // unrecognized operation
)

// covers reports whether o (an operation, a service, or Any) includes this call.
func (o Op) covers(service, op Op) bool { return o == Any || o == service || o == op }

// service returns the service that o belongs to, or o itself if it is a service.
func (o Op) service() Op {
	switch o {
	case RegisterClient, StartDeviceAuthorization, CreateToken, Authorize:
		return OIDC
	case ListAccounts, ListAccountRoles, GetRoleCredentials, Logout:
		return Portal
	case GetAuthorizationToken:
		return ECR
	case GetPublicAuthorizationToken:
		return ECRPublic
	case GetCallerIdentity, AssumeRole, AssumeRoleWithWebIdentity:
		return STS
	case CreateOAuth2Token:
		return Signin
	case ApproveDevice:
		return Device
	case ContainerCredentials:
		return Container
	case MetadataToken, MetadataCredentials:
		return Metadata
	case RegistryRead, RegistryWrite:
		return Registry
	}
	return o
}

// known reports whether o is one of the constants above.
func (o Op) known() bool {
	switch o.service() {
	case Any, OIDC, Portal, ECR, ECRPublic, STS, Signin, Registry, PublicRegistry, Device, Container, Metadata, Vanity, Unknown:
		return true
	}
	return false
}
