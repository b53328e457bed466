/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The closed lists that events draw from: what was done (action) and why (reason).
 *
 * One table each; documentation, `--json` and the tests read the same rows.  A row is added here and nowhere else.
 * REASON(symbol, "name in events", attack, "what it means, one sentence, for the operator")
 * attack: the name or address that it concerns is never offered as an --allow line (DESIGN s2). */
#ifndef SLUICE_CORE_REASON_H
#define SLUICE_CORE_REASON_H

#include <stdbool.h>

#define REASON_LIST(REASON)                                                                                           \
    REASON(NONE, "none", false, "no reason needed")                                                                   \
    /* allowed */                                                                                                     \
    REASON(NAME_ALLOWED, "name_allowed", false, "the name is in the allowlist")                                       \
    REASON(OUTER_NAME_ALLOWED, "outer_name_allowed", false,                                                           \
           "judged by the outer name of an encrypted client hello; GREASE looks the same")                            \
    REASON(ADDRESS_ALLOWED, "address_allowed", false, "the address is in the allowlist")                              \
    REASON(SAME_SCOPE, "same_scope", false, "loopback inside one scope")                                              \
    REASON(ANSWERED, "answered", false, "the resolver's answer to an allowed question")                               \
    REASON(OBSERVED, "observed", false, "no policy was given: only observed")                                         \
    /* ignored: noise, not an attack */                                                                               \
    REASON(SEARCH_DOMAIN, "search_domain", false, "an allowed name with a search domain appended")                    \
    REASON(OWN_NAME, "own_name", false, "the host's own name")                                                        \
    REASON(REVERSE_OF_BOUND, "reverse_of_bound", false, "the reverse name of an address that was resolved here")      \
    REASON(PROBE_NAME, "probe_name", false, "a probe that resolvers and libraries make (ipv4only.arpa, apt's SRV)")   \
    /* names and addresses */                                                                                         \
    REASON(NOT_IN_ALLOWLIST, "not_in_allowlist", false, "no entry of the policy allows it")                           \
    REASON(DENIED, "denied", false, "an entry under deny names it")                                                   \
    REASON(NOT_RESOLVED, "not_resolved", true, "the address was never resolved here")                                 \
    REASON(BINDING_EXPIRED, "binding_expired", false, "the name was resolved to this address too long ago")           \
    REASON(NAME_NOT_BOUND, "name_not_bound", true, "the name shown was not resolved to this address here")            \
    REASON(PORT_NOT_ALLOWED, "port_not_allowed", false, "the name is allowed, this port is not")                      \
    REASON(PRIVATE_ADDRESS, "private_address", true,                                                                  \
           "the answer holds a private or special address; name@range would permit it")                               \
    REASON(METADATA_ADDRESS, "metadata_address", true, "the cloud's metadata address")                                \
    /* DNS */                                                                                                         \
    REASON(TYPE_NOT_ALLOWED, "type_not_allowed", false, "the name is allowed, this query type is not")                \
    REASON(FOREIGN_RESOLVER, "foreign_resolver", true, "DNS to a server that the policy does not name")               \
    REASON(DNS_MALFORMED, "dns_malformed", true, "not one well-formed question (RFC 1035 s4.1)")                      \
    REASON(DNS_NOT_A_QUERY, "dns_not_a_query", true, "an answer, or an opcode other than QUERY, from a client")       \
    REASON(DNS_CLASS, "dns_class", true, "a class other than IN")                                                     \
    REASON(DNS_NAME_FORM, "dns_name_form", true, "a label with bytes other than letters, digits, hyphen, underscore") \
    REASON(DNS_ANSWER_UNASKED, "dns_answer_unasked", true, "an answer that matches no outstanding question")          \
    REASON(DNS_ANSWER_MALFORMED, "dns_answer_malformed", true, "an answer that cannot be parsed")                     \
    REASON(TUNNEL_SUSPECTED, "tunnel_suspected", true, "the form or number of the names looks like a tunnel")         \
    /* TLS */                                                                                                         \
    REASON(TLS_EXPECTED, "tls_expected", false, "something else than TLS where the policy allows only TLS")           \
    REASON(TLS_MALFORMED, "tls_malformed", true, "a ClientHello that breaks RFC 8446 or RFC 6066")                    \
    REASON(TLS_NO_NAME, "tls_no_name", false, "no server name in the ClientHello; tcp:// would allow it unseen")      \
    REASON(TLS_NAME_FORM, "tls_name_form", true, "a server name that is no plain host name")                          \
    REASON(TLS_ECH, "tls_ech", false, "encrypted client hello (GREASE looks the same); ech: outer judges it")         \
    REASON(TLS_NAME_CHANGED, "tls_name_changed", true, "the second ClientHello shows another name")                   \
    REASON(QUIC, "quic", false, "QUIC is refused, so that clients fall back to TLS over TCP")                         \
    REASON(QUIC_EXPECTED, "quic_expected", false, "something else than QUIC, or no Initial packet before it")         \
    REASON(QUIC_VERSION, "quic_version", false, "a QUIC version other than 1 and 2")                                  \
    REASON(QUIC_MALFORMED, "quic_malformed", true, "a packet that breaks RFC 9000, or does not open")                 \
    REASON(QUIC_KEYS, "quic_keys", true, "an Initial packet that two keys open, each to something else")              \
    REASON(QUIC_CONFLICT, "quic_conflict", true, "QUIC CRYPTO bytes sent again with other values")                    \
    REASON(QUIC_TOO_LONG, "quic_too_long", true, "no whole ClientHello in QUIC within the bound")                     \
    /* HTTP */                                                                                                        \
    REASON(HTTP_EXPECTED, "http_expected", false, "something else than HTTP where the policy allows only HTTP")       \
    REASON(HTTP_MALFORMED, "http_malformed", true, "a request that servers could read differently (RFC 9112)")        \
    REASON(HTTP_FOLD, "http_fold", true, "a field that goes on in a second line (RFC 9112 s5.2)")                     \
    REASON(HTTP_BARE_LF, "http_bare_lf", true,                                                                        \
           "a line that does not end in CR LF, or a CR or LF inside one (RFC 9112 s2.2)")                             \
    REASON(HTTP_HOST, "http_host", true, "no Host, several, or one that is no plain host name")                       \
    REASON(HTTP_HOST_DIFFERS, "http_host_differs", true,                                                              \
           "Host differs from the target that is asked for, or from the port")                                        \
    REASON(HTTP_ADDRESS, "http_address", true, "a literal address in place of a host name")                           \
    REASON(HTTP_LENGTH, "http_length", true, "conflicting, repeated or malformed body length")                        \
    REASON(HTTP_CHUNK, "http_chunk", true, "a chunk or trailer that servers could read differently (RFC 9112 s7.1)")  \
    REASON(HTTP_BODY, "http_body", true, "a body with a method that has none (RFC 9110 s9.3)")                        \
    REASON(HTTP_CONNECT, "http_connect", false,                                                                       \
           "CONNECT to what the policy does not call a proxy; proxy:// would allow it")                               \
    REASON(HTTP_WEBSOCKET, "http_websocket", false, "an upgrade to WebSocket; ws:// would allow it")                  \
    REASON(HTTP_UPGRADE, "http_upgrade", false,                                                                       \
           "an upgrade to something else than WebSocket, or one that breaks RFC 6455")                                \
    REASON(HTTP_H2C, "http_h2c", false, "an offer of HTTP/2 that could not be masked")                                \
    REASON(HTTP_2, "http_2", false, "HTTP/2 without TLS")                                                             \
    REASON(HTTP_ORDER, "http_order", true, "CONNECT or an upgrade behind requests whose answers it did not wait for") \
    REASON(HTTP_ANSWER, "http_answer", true, "the answer to CONNECT or to an upgrade cannot be read")                 \
    REASON(PROXY_FORM, "proxy_form", false, "asked of a proxy: neither CONNECT nor an absolute http:// URI")          \
    REASON(PROXY_CONNECT, "proxy_connect", false,                                                                     \
           "the name is allowed there, CONNECT to it is not: CONNECT needs tcp:// or https://")                       \
    REASON(PROXY_NAME, "proxy_name", true, "the server name inside the tunnel is not the one that CONNECT named")     \
    /* transport */                                                                                                   \
    REASON(TCP_OPTION, "tcp_option", true, "MD5, AO or malformed TCP options")                                        \
    REASON(TCP_URGENT, "tcp_urgent", true, "urgent data before the verdict")                                          \
    REASON(TCP_CONFLICT, "tcp_conflict", true, "a retransmission with other bytes")                                   \
    REASON(TCP_SEQUENCE, "tcp_sequence", true, "segments that no sound client sends")                                 \
    REASON(TCP_TOO_LONG, "tcp_too_long", true, "no whole message within the bound")                                   \
    REASON(UDP_NOT_ALLOWED, "udp_not_allowed", false, "no udp:// entry allows it")                                    \
    REASON(PROTOCOL, "protocol", true, "a protocol other than TCP and UDP")                                           \
    REASON(IP_FORM, "ip_form", true, "a fragment, an option, an extension header or a broken IP packet")              \
    REASON(LINK_LOCAL_NAMES, "link_local_names", false, "multicast or broadcast")                                     \
    /* scope */                                                                                                       \
    REASON(OLDER_THAN_SCOPE, "older_than_scope", false, "the connection is older than the scope, or was reset")       \
    REASON(INCOMING, "incoming", false, "a connection into the scope")                                                \
    REASON(ANSWER_FORGED, "answer_forged", true, "an answer that came in where its sender does not live")             \
    REASON(LOOPBACK_LEFT, "loopback_left", true, "traffic meant for loopback was sent elsewhere")                     \
    REASON(FORGED_SOURCE, "forged_source", true,                                                                      \
           "packets whose source does not live where they came in; the kernel dropped them, addresses untold")        \
    REASON(UNPROVEN, "unproven", false,                                                                               \
           "packets to the scope that are part of no connection; the kernel dropped them, addresses untold")          \
    REASON(NEIGHBOUR_ROUTED, "neighbour_routed", true,                                                                \
           "neighbour discovery that was to leave its link; the kernel dropped it, addresses untold")                 \
    REASON(ERROR_UNSENT, "error_unsent", false,                                                                       \
           "errors that this host's kernel would have sent, quoting packets that nobody has seen; addresses untold")  \
    REASON(POLICY_CHANGED, "policy_changed", false, "the policy no longer allows this open connection")               \
    /* the gate itself */                                                                                             \
    REASON(TABLE_FULL, "table_full", false, "too many undecided connections")                                         \
    REASON(HALF_OPEN, "half_open", false, "too many connections that nobody answered; the oldest are forgotten")      \
    REASON(STREAMS_FULL, "streams_full", false, "too many connections with a message that is not whole")              \
    REASON(HELD_FULL, "held_full", false, "too many packets or bytes wait for a verdict")                             \
    REASON(QUESTIONS_FULL, "questions_full", false, "too many questions without an answer")                           \
    REASON(BINDINGS_FULL, "bindings_full", false, "too many addresses of names; a new one was not bound")             \
    REASON(REFUSALS_UNTOLD, "refusals_untold", false, "refusals beyond what is told of one scope in a second")        \
    REASON(FACTS_UNTOLD, "facts_untold", false, "allowed or ignored beyond what is told of one scope in a second")    \
    REASON(OVERRUN, "overrun", false, "packets arrived faster than they were judged; the kernel dropped them")        \
    REASON(CONNTRACK_FULL, "conntrack_full", false, "the kernel's table of connections is full; it drops new ones")   \
    REASON(EVENTS_LOST, "events_lost", false, "events arrived faster than they were written")                         \
    REASON(ATTACKS_LOST, "attacks_lost", true,                                                                        \
           "refusals that look like attacks arrived faster than they were written")                                   \
    REASON(RULES_RESTORED, "rules_restored", false, "the gate's rules were changed from outside")                     \
    REASON(FLOW_TABLE, "flow_table", false, "a flow table takes forwarded connections past the gate")

#define ACTION_LIST(ACTION)                                                                 \
    ACTION(NONE, "none")                                                                    \
    ACTION(DNS_QUERY, "dns-query")           /* a question */                               \
    ACTION(DNS_ANSWER, "dns-answer")         /* an answer, or addresses in it */            \
    ACTION(TCP_CONNECT, "tcp-connect")       /* a SYN, or a connection by address alone */  \
    ACTION(TLS_HELLO, "tls-hello")           /* a ClientHello's name */                     \
    ACTION(HTTP_REQUEST, "http-request")     /* one request */                              \
    ACTION(DATAGRAM, "datagram")             /* UDP other than DNS */                       \
    ACTION(PACKET, "packet")                 /* anything else */                            \
    ACTION(CONNECTION_END, "connection-end") /* an allowed flow, at its end, with counts */ \
    ACTION(GATE, "gate")                     /* the gate's own state */

#define REASON_ENUM(symbol, name, attack, text) REASON_##symbol,
enum reason { REASON_LIST(REASON_ENUM) REASON_COUNT };
#undef REASON_ENUM

#define ACTION_ENUM(symbol, name) ACTION_##symbol,
enum action { ACTION_LIST(ACTION_ENUM) ACTION_COUNT };
#undef ACTION_ENUM

enum verdict { VERDICT_ALLOW, VERDICT_DENY, VERDICT_WOULD_DENY, VERDICT_IGNORED, VERDICT_COUNT };

/* Limits of one scope: told at most once a second, with a count (nfq/limit.h). */
#define REASON_LIMIT_FIRST REASON_TABLE_FULL
#define REASON_LIMITS      (REASON_FACTS_UNTOLD - REASON_TABLE_FULL + 1)

static inline bool reason_is_limit(enum reason reason)
{
    return reason >= REASON_LIMIT_FIRST && reason <= REASON_FACTS_UNTOLD;
}

const char *reason_name(enum reason reason);
const char *reason_text(enum reason reason);
bool reason_is_attack(enum reason reason);
const char *action_name(enum action action);
const char *verdict_name(enum verdict verdict);

#endif
