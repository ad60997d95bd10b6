//go:build mutant_ack_early

package sqlstore

const ackEarly = true
