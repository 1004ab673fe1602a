package berth

// Assignment is which of DPS's three cases a request is.
type Assignment int

// The three cases.
const (
	// First: the device has no hub yet. An initial twin in the decision is used.
	First Assignment = iota
	// MayMove: the device has a hub and may be given another one.
	MayMove
	// Pinned: the device has a hub and stays there, whatever is decided. The payload of the decision still reaches it.
	Pinned
)

// Contract is the request as the contract words it. What is optional is a pointer, nil if DPS left it out; what is
// free-form is JSON text, exactly as DPS sent it.
type Contract struct {
	RegistrationID  string
	Assignment      Assignment
	CurrentHub      *string
	CurrentDeviceID *string
	Attestation     Attestation
	Payload         *string
	Enrollment      Enrollment
	LinkedHubs      []string
	RuntimeContext  string
}

// Attestation is how the device proved who it is: with a symmetric key, unless one of the two is there.
type Attestation struct {
	X509 *X509
	TPM  *TPM
}

// X509 is the certificate a device showed, base64 of its DER encoding, and what it says if it can be parsed.
type X509 struct {
	ClientCertificate *string
	Facts             *Certificate
}

// Certificate is what an X.509 certificate says. Names are in RFC 4514's form: `CN=dev1,O=Contoso`.
type Certificate struct {
	Subject                 string
	SubjectCommonName       *string
	Issuer                  string
	IssuerCommonName        *string
	SubjectAlternativeNames []AlternativeName
	SerialNumber            string
	NotBefore               string
	NotAfter                string
	SHA1Thumbprint          string
	SHA256Thumbprint        string
}

// AlternativeName is one alternative name of a certificate's subject, of the kind `dns`, `uri`, `email` or `ip`.
type AlternativeName struct{ Kind, Value string }

// TPM are the public keys of a device's TPM, base64.
type TPM struct{ EndorsementKey, StorageRootKey *string }

// Enrollment is the enrollment through which a device came. Kinds and states are spelled as the contract does; what it does
// not know is spelled as DPS does. Document is all of it.
type Enrollment struct {
	Individual                 *Individual
	Group                      *string
	AttestationKind            string
	IoTEdge                    *bool
	IoTHubHostName             *string
	InitialTwin                *InitialTwin
	ETag                       *string
	ProvisioningStatus         *string
	ReprovisionPolicy          *ReprovisionPolicy
	CreatedDateTimeUTC         *string
	LastUpdatedDateTimeUTC     *string
	AllocationPolicy           *string
	IoTHubs                    []string
	CustomAllocationDefinition *CustomAllocationDefinition
	CredentialPolicyName       *string
	Document                   string
}

// Individual is what only an individual enrollment has.
type Individual struct {
	RegistrationID            string
	DeviceID                  *string
	RegistrationState         *string
	OptionalDeviceInformation *string
}

// InitialTwin is the first twin of a device, each part a JSON object as text.
type InitialTwin struct{ Tags, DesiredProperties *string }

// ReprovisionPolicy is what happens to a device that registers again.
type ReprovisionPolicy struct{ UpdateHubAssignment, MigrateDeviceData bool }

// CustomAllocationDefinition is the webhook of an enrollment. DPS masks the query of its URL.
type CustomAllocationDefinition struct{ WebhookURL, APIVersion string }
