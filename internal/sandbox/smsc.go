package sandbox

// smppAddress is where the SMSC listens, "" if it does not.
func (s *Sandbox) smppAddress() string { return "" }
