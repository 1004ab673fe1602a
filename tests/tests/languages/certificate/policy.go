// Tells all that the device's certificate says.
package main

import berth "berth/sdk"

func init() { berth.Policy(allocate) }

func main() {}

func allocate(request *berth.Request) (*berth.Decision, error) {
	hub, err := request.Hubs().First()
	if err != nil {
		return nil, err
	}
	facts := request.Certificate()
	if facts == nil {
		return berth.To(hub).Because("no-certificate"), nil
	}
	names := []string{}
	for _, name := range facts.SubjectAlternativeNames {
		names = append(names, name.Kind+" "+name.Value)
	}
	twin := berth.NewTwin().
		Tag("subject", facts.Subject).
		Tag("subjectCommonName", facts.SubjectCommonName).
		Tag("issuer", facts.Issuer).
		Tag("issuerCommonName", facts.IssuerCommonName).
		Tag("subjectAlternativeNames", names).
		Tag("serialNumber", facts.SerialNumber).
		Tag("notBefore", facts.NotBefore).
		Tag("notAfter", facts.NotAfter).
		Tag("sha1Thumbprint", facts.SHA1Thumbprint).
		Tag("sha256Thumbprint", facts.SHA256Thumbprint)
	return berth.To(hub).Twin(twin), nil
}
