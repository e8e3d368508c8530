package awstest

// Op names an operation, or a whole service (then it stands for all of the service's operations), or Any.
type Op string

// Services.
const (
	OIDC           Op = "sso-oidc"
	Portal         Op = "sso"
	ECR            Op = "ecr"
	ECRPublic      Op = "ecr-public"
	STS            Op = "sts"
	Registry       Op = "registry"        // ACCOUNT.dkr.ecr.REGION...
	PublicRegistry Op = "public-registry" // public.ecr.aws
	Device         Op = "device"          // the page where a person types a device code
	Container      Op = "container"       // AWS_CONTAINER_CREDENTIALS_FULL_URI
	Metadata       Op = "imds"            // AWS_EC2_METADATA_SERVICE_ENDPOINT
	Vanity         Op = "vanity"          // a company's host whose start page redirects to its portal
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
	GetCallerIdentity           Op = "GetCallerIdentity"
	AssumeRole                  Op = "AssumeRole"
	AssumeRoleWithWebIdentity   Op = "AssumeRoleWithWebIdentity"
	ApproveDevice               Op = "ApproveDevice"
	ContainerCredentials        Op = "ContainerCredentials"
	MetadataToken               Op = "MetadataToken"
	MetadataCredentials         Op = "MetadataCredentials"
	RegistryRead                Op = "RegistryRead"
	RegistryWrite               Op = "RegistryWrite"
	Unknown                     Op = "Unknown" // no such operation
)

// covers tells whether what a test named (an operation, a service, Any) includes this call.
func (o Op) covers(service, op Op) bool { return o == Any || o == service || o == op }

// service is the service an operation belongs to; a service's own name stays.
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

// known tells a name of ours from a slip of the pen.
func (o Op) known() bool {
	switch o.service() {
	case Any, OIDC, Portal, ECR, ECRPublic, STS, Registry, PublicRegistry, Device, Container, Metadata, Vanity, Unknown:
		return true
	}
	return false
}
