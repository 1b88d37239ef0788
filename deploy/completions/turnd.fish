# Made from the table of options by: cargo run -p turnd --example documents
# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_turnd_global_optspecs
    string join \n c/config= n/no-config h/help version p/listening-port= L/listening-ip= anycast-ip= sock-buf-size= tls-listening-port= alt-listening-port= alt-tls-listening-port= aux-server= listen= d/listening-device= no-udp no-tcp no-tls dtls no-dtls tcp-proxy-port= proxy-protocol-port= proxy-protocol-from= udp-self-balance acme-redirect= respond-http-unsupported http-page max-connections= max-connections-per-address= tls-handshakes-per-second= tls-handshakes-per-address= stream-queue-bytes= stream-queue-time= E/relay-ip= X/external-ip= external-ip-stun-server= external-ip-interval= min-port= max-port= A/allocation-default-address-family= K/keep-address-family m/relay-threads= coalesce-usecs= cpus= i/relay-device= no-udp-relay tcp-relay no-tcp-relay server-relay mobility multiplex-peer multiplex-peer-port= multiplex-peer-max-peers= udp-recvmmsg udp-recvmmsg-log udp-sendmmsg-log udp-gso r/realm= u/user= user-file= denied-user= static-auth-secret= static-auth-secret-file= use-auth-secret C/rest-api-separator= a/lt-cred-mech z/no-auth stale-nonce= stateless-nonce stateless-nonce-secret= secure-stun unauthorized-ratelimit unauthorized-ratelimit-rps= unanswered-challenges= failed-logins= oauth oauth-key= oauth-key-file= server-name= check-origin-consistency no-auth-pings no-dynamic-ip-list no-dynamic-realms secret-key-file= allowed-peer-ip= denied-peer-ip= allow-private-peers allow-loopback-peers no-multicast-peers q/user-quota= Q/total-quota= max-allocate-lifetime= channel-lifetime= permission-lifetime= s/max-bps= B/bps-capacity= new-peers-per-second= max-allocate-timeout= drain-min-allocations= drain-timeout= drop-invalid-packets drop-invalid-packets-log f/fingerprint S/stun-only no-stun rfc5766-channel-numbers software-attribute no-software-attribute rfc5780 no-rfc5780 response-origin-only-with-rfc5780 stun-backward-compatibility rfc3489-compatibility include-reason-string alternate-server= tls-alternate-server= tcp-alternate-server= udp-alternate-server= drain-alternate-server= v/verbose V/Verbose l/log-file= simple-log no-stdout-log syslog syslog-facility= journald log-format= log-min-level= log-addresses= log-binding new-log-timestamp new-log-timestamp-format= cert= pkey= pkey-pwd= pkey-pwd-file= self-signed cipher-list= CA-file= ec-curve-name= dh-file= dh566 dh1066 dh2066 tlsv1 tlsv1_1 no-tlsv1 no-tlsv1_1 no-tlsv1_2 no-sslv2 no-sslv3 raw-public-keys b/userdb= db= e/psql-userdb= sql-userdb= M/mysql-userdb= J/mongo-userdb= N/redis-userdb= O/redis-statsdb= prometheus prometheus-port= prometheus-address= prometheus-path= prometheus-username-labels prometheus-top-users= prometheus-tls prometheus-cert= prometheus-key= prometheus-user= prometheus-password= prometheus-password-file= cli no-cli cli-ip= cli-port= cli-password= cli-max-output-sessions= web-admin web-admin-ip= web-admin-port= web-admin-listen-on-workers o/daemon pidfile= proc-user= proc-group= core-dumps no-loopback-peers no-stun-backward-compatibility prod secret-ts-exp-time= no-http st-cred-mech sha256 ne=
end

function __fish_turnd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_turnd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_turnd_using_subcommand
    set -l cmd (__fish_turnd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c turnd -n "__fish_turnd_needs_command" -s c -l config -d 'read this file; it must exist' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -s p -l listening-port -d 'UDP and TCP port for clients; 0 lets the system choose' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s L -l listening-ip -d 'address to listen on' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l anycast-ip -d 'send Allocate from here to there (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l sock-buf-size -d 'bytes of receive and send buffer per socket' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l tls-listening-port -d 'port for TLS and DTLS, if there is a certificate' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l alt-listening-port -d 'second port; 0: none, or with rfc5780 the next one' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l alt-tls-listening-port -d 'second TLS port, likewise' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l aux-server -d 'further address and port to listen on' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l listen -d 'on udp, tcp, tls or dtls; ?proxy behind it (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s d -l listening-device -d 'network interface to listen on, and no other' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l tcp-proxy-port -d 'further TCP port for a proxy that speaks the PROXY protocol' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l proxy-protocol-port -d 'a port above that only a proxy connects to (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l proxy-protocol-from -d 'address, range or block of proxies (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l acme-redirect -d 'redirect ACME challenges to this URL, token appended' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l max-connections -d 'TCP and TLS clients at once (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l max-connections-per-address -d 'the same from one address; 0: no limit (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l tls-handshakes-per-second -d 'TLS handshakes a second and worker (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l tls-handshakes-per-address -d 'TLS handshakes a second and address (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l stream-queue-bytes -d 'bytes that wait for a slow reader (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l stream-queue-time -d 'milliseconds that relayed data waits (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s E -l relay-ip -d 'address to open relay ports on' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s X -l external-ip -d 'address, name or auto, behind 1:1 NAT; or PUBLIC/PRIVATE' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l external-ip-stun-server -d 'HOST[:PORT] that external-ip=auto asks' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l external-ip-interval -d 'seconds between lookups of names (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l min-port -d 'lowest relay port' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l max-port -d 'highest relay port' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s A -l allocation-default-address-family -d 'if a client names none: ipv4, ipv6, or keep for its own' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s m -l relay-threads -d 'worker threads, at most 128; 0 is taken as 1' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l coalesce-usecs -d 'pause of a busy worker, for more packets (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l cpus -d 'number of cores, where it is detected wrongly' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s i -l relay-device -d 'network interface to relay through, and no other' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l multiplex-peer-port -d 'first port of multiplex-peer' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l multiplex-peer-max-peers -d 'peers per session of multiplex-peer' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s r -l realm -d 'name of the authentication realm' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s u -l user -d 'NAME:PASSWORD or NAME:0xKEY; switches authentication on' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l user-file -d 'file of users, one a line as behind user= (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l denied-user -d 'who is shut out; a reload ends what he has' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l static-auth-secret -d 'secret that time-limited credentials are made from' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l static-auth-secret-file -d 'file of such secrets, one a line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -s C -l rest-api-separator -d 'what separates expiry and user in such a user name' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l stale-nonce -d 'seconds that a nonce is good for; 0: for ever' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l stateless-nonce-secret -d 'what servers with the same nonces share' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l unauthorized-ratelimit-rps -d '401 replies per second and address; below 1: 10' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l unanswered-challenges -d '401s a second to who never answers; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l failed-logins -d 'wrong passwords a minute and address; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l oauth-key -d 'KID:KEY[:ALGORITHM[:NOT-AFTER]] of tokens (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l oauth-key-file -d 'file of such keys, one a line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l server-name -d 'name of the server in third-party tokens' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l secret-key-file -d 'key for an encrypted database password' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l allowed-peer-ip -d 'address, range a-b or block a/n; wins over denied' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l denied-peer-ip -d 'address, range a-b or block a/n' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s q -l user-quota -d 'allocations and reserved ports per user; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s Q -l total-quota -d 'allocations and reserved ports in total; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l max-allocate-lifetime -d 'most seconds an allocation is granted, 600 or more' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l channel-lifetime -d 'seconds that a channel lasts' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l permission-lifetime -d 'seconds that a permission lasts' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s s -l max-bps -d 'bytes per second and allocation, each way; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s B -l bps-capacity -d 'sum of max-bps that may be given out; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l new-peers-per-second -d 'peers an allocation may meet; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l max-allocate-timeout -d 'seconds that a stranger is remembered' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l drain-min-allocations -d 'exit at this number of allocations when draining' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l drain-timeout -d 'most seconds that a drain, also by SIGTERM, takes' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l alternate-server -d 'server to redirect clients to; several take turns' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l tls-alternate-server -d 'the same for clients over TLS and DTLS' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l tcp-alternate-server -d 'the same for clients over TCP' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l udp-alternate-server -d 'the same for clients over UDP' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l drain-alternate-server -d 'server to redirect to while this one drains (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s l -l log-file -d 'file to log to, one a day; or stdout, -, syslog' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l syslog-facility -d 'facility in syslog' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l log-format -d 'text or json' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l log-min-level -d 'debug, info, warning or error' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l log-addresses -d 'of clients and peers: full, masked, none' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l new-log-timestamp-format -d 'form of the time stamps (strftime)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l cert -d 'certificate chain, PEM; switches TLS on' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l pkey -d 'private key, PEM' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l pkey-pwd -d 'password of the private key' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l pkey-pwd-file -d 'file with that password in its first line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l cipher-list -d 'cipher suites, as OpenSSL names them' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l CA-file -d 'ask clients for a certificate of this authority, PEM' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l ec-curve-name -d 'curve for key exchange' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l dh-file -d 'Diffie-Hellman parameters' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -s b -l userdb -d 'SQLite database' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l db -d 'same as userdb' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -s e -l psql-userdb -d 'PostgreSQL database' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l sql-userdb -d 'same as psql-userdb' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s M -l mysql-userdb -d 'MySQL database' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s J -l mongo-userdb -d 'MongoDB database' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s N -l redis-userdb -d 'Redis database' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s O -l redis-statsdb -d 'Redis for status and traffic' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-port -d 'TCP port of the metrics' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-address -d 'address of the metrics' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-path -d 'path of the metrics' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-top-users -d 'users that have a label of their own (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-cert -d 'certificate of the metrics, PEM' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-key -d 'private key of the metrics, PEM' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-user -d 'who may read the metrics, by a password (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-password -d 'the password for that (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-password-file -d 'a file with the password (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l cli-ip -d 'address of the console' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l cli-port -d 'port of the console' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l cli-password -d 'password of the console' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l cli-max-output-sessions -d 'sessions that the console lists' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l web-admin-ip -d 'its address' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l web-admin-port -d 'its port' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l pidfile -d 'file for the process\'s number, removed at the end' -r -F
complete -c turnd -n "__fish_turnd_needs_command" -l proc-user -d 'user to become when ports and keys are open' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l proc-group -d 'group to become then' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l secret-ts-exp-time -d 'expiry of secrets' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -l ne -d 'number of the network engine' -r -f
complete -c turnd -n "__fish_turnd_needs_command" -s n -l no-config -d 'read no file'
complete -c turnd -n "__fish_turnd_needs_command" -s h -l help -d 'print this help and exit'
complete -c turnd -n "__fish_turnd_needs_command" -l version -d 'print the version and exit'
complete -c turnd -n "__fish_turnd_needs_command" -l no-udp -d 'no clients over plain UDP'
complete -c turnd -n "__fish_turnd_needs_command" -l no-tcp -d 'no clients over plain TCP'
complete -c turnd -n "__fish_turnd_needs_command" -l no-tls -d 'no clients over TLS'
complete -c turnd -n "__fish_turnd_needs_command" -l dtls -d 'serve clients over DTLS'
complete -c turnd -n "__fish_turnd_needs_command" -l no-dtls -d 'no DTLS, as without this'
complete -c turnd -n "__fish_turnd_needs_command" -l udp-self-balance -d 'redirect clients between own addresses'
complete -c turnd -n "__fish_turnd_needs_command" -l respond-http-unsupported -d 'answer other HTTP with an error instead of closing'
complete -c turnd -n "__fish_turnd_needs_command" -l http-page -d 'answer GET / with a tiny page (not in coturn)'
complete -c turnd -n "__fish_turnd_needs_command" -s K -l keep-address-family -d 'old way to say allocation-default-address-family=keep'
complete -c turnd -n "__fish_turnd_needs_command" -l no-udp-relay -d 'no relaying over UDP'
complete -c turnd -n "__fish_turnd_needs_command" -l tcp-relay -d 'relay over TCP (RFC 6062), off without this (not in coturn)'
complete -c turnd -n "__fish_turnd_needs_command" -l no-tcp-relay -d 'no relaying over TCP, as without this'
complete -c turnd -n "__fish_turnd_needs_command" -l server-relay -d 'relay without permissions'
complete -c turnd -n "__fish_turnd_needs_command" -l mobility -d 'let clients move to another address'
complete -c turnd -n "__fish_turnd_needs_command" -l multiplex-peer -d 'one relay port for many clients'
complete -c turnd -n "__fish_turnd_needs_command" -l udp-recvmmsg -d 'receive in batches'
complete -c turnd -n "__fish_turnd_needs_command" -l udp-recvmmsg-log -d 'log how batches fill'
complete -c turnd -n "__fish_turnd_needs_command" -l udp-sendmmsg-log -d 'log how batches fill'
complete -c turnd -n "__fish_turnd_needs_command" -l udp-gso -d 'let the kernel segment sends'
complete -c turnd -n "__fish_turnd_needs_command" -l use-auth-secret -d 'time-limited credentials; follows from static-auth-secret'
complete -c turnd -n "__fish_turnd_needs_command" -s a -l lt-cred-mech -d 'long-term credentials; follows from user'
complete -c turnd -n "__fish_turnd_needs_command" -s z -l no-auth -d 'DANGEROUS: relay for anyone who asks'
complete -c turnd -n "__fish_turnd_needs_command" -l stateless-nonce -d 'nonces without memory'
complete -c turnd -n "__fish_turnd_needs_command" -l secure-stun -d 'authentication for Binding too'
complete -c turnd -n "__fish_turnd_needs_command" -l unauthorized-ratelimit -d 'limit 401 replies per address'
complete -c turnd -n "__fish_turnd_needs_command" -l oauth -d 'third-party tokens (RFC 7635), of the keys of oauth-key'
complete -c turnd -n "__fish_turnd_needs_command" -l check-origin-consistency -d 'ORIGIN must stay the same'
complete -c turnd -n "__fish_turnd_needs_command" -l no-auth-pings -d 'no keep-alives to databases'
complete -c turnd -n "__fish_turnd_needs_command" -l no-dynamic-ip-list -d 'no peer lists from databases'
complete -c turnd -n "__fish_turnd_needs_command" -l no-dynamic-realms -d 'no realms from databases'
complete -c turnd -n "__fish_turnd_needs_command" -l allow-private-peers -d 'open the addresses of local networks (not in coturn)'
complete -c turnd -n "__fish_turnd_needs_command" -l allow-loopback-peers -d 'open 127.0.0.0/8 and ::1, for tests'
complete -c turnd -n "__fish_turnd_needs_command" -l no-multicast-peers -d 'refuse multicast and broadcast peers'
complete -c turnd -n "__fish_turnd_needs_command" -l drop-invalid-packets -d 'drop malformed datagrams early'
complete -c turnd -n "__fish_turnd_needs_command" -l drop-invalid-packets-log -d 'log those drops'
complete -c turnd -n "__fish_turnd_needs_command" -s f -l fingerprint -d 'add FINGERPRINT always, not only when asked with one'
complete -c turnd -n "__fish_turnd_needs_command" -s S -l stun-only -d 'serve STUN alone, no TURN'
complete -c turnd -n "__fish_turnd_needs_command" -l no-stun -d 'do not answer Binding requests'
complete -c turnd -n "__fish_turnd_needs_command" -l rfc5766-channel-numbers -d 'accept channels 0x5000 to 0x7FFF too, for old clients'
complete -c turnd -n "__fish_turnd_needs_command" -l software-attribute -d 'tell the server\'s name and version'
complete -c turnd -n "__fish_turnd_needs_command" -l no-software-attribute -d 'do not tell the server\'s name and version'
complete -c turnd -n "__fish_turnd_needs_command" -l rfc5780 -d 'NAT behaviour discovery; needs two addresses of a family'
complete -c turnd -n "__fish_turnd_needs_command" -l no-rfc5780 -d 'no NAT behaviour discovery'
complete -c turnd -n "__fish_turnd_needs_command" -l response-origin-only-with-rfc5780 -d 'RESPONSE-ORIGIN only with NAT behaviour discovery'
complete -c turnd -n "__fish_turnd_needs_command" -l stun-backward-compatibility -d 'answer Binding with MAPPED-ADDRESS too, for old clients'
complete -c turnd -n "__fish_turnd_needs_command" -l rfc3489-compatibility -d 'answer classic STUN over UDP'
complete -c turnd -n "__fish_turnd_needs_command" -l include-reason-string -d 'detailed reasons in error replies'
complete -c turnd -n "__fish_turnd_needs_command" -s v -l verbose -d 'log sessions and requests'
complete -c turnd -n "__fish_turnd_needs_command" -s V -l Verbose -d 'log everything'
complete -c turnd -n "__fish_turnd_needs_command" -l simple-log -d 'one log file, without a date in its name'
complete -c turnd -n "__fish_turnd_needs_command" -l no-stdout-log -d 'log to the other places only'
complete -c turnd -n "__fish_turnd_needs_command" -l syslog -d 'log to syslog'
complete -c turnd -n "__fish_turnd_needs_command" -l journald -d 'log to systemd\'s journal'
complete -c turnd -n "__fish_turnd_needs_command" -l log-binding -d 'with verbose, log Binding requests'
complete -c turnd -n "__fish_turnd_needs_command" -l new-log-timestamp -d 'ISO 8601 time stamps'
complete -c turnd -n "__fish_turnd_needs_command" -l self-signed -d 'TLS without a certificate, for trying out (not in coturn)'
complete -c turnd -n "__fish_turnd_needs_command" -l dh566 -d 'short Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_needs_command" -l dh1066 -d 'short Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_needs_command" -l dh2066 -d 'long Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_needs_command" -l tlsv1 -d 'allow TLS 1.0'
complete -c turnd -n "__fish_turnd_needs_command" -l tlsv1_1 -d 'allow TLS 1.1'
complete -c turnd -n "__fish_turnd_needs_command" -l no-tlsv1 -d 'no TLS 1.0'
complete -c turnd -n "__fish_turnd_needs_command" -l no-tlsv1_1 -d 'no TLS 1.1'
complete -c turnd -n "__fish_turnd_needs_command" -l no-tlsv1_2 -d 'TLS 1.3 only'
complete -c turnd -n "__fish_turnd_needs_command" -l no-sslv2 -d 'no SSL 2'
complete -c turnd -n "__fish_turnd_needs_command" -l no-sslv3 -d 'no SSL 3'
complete -c turnd -n "__fish_turnd_needs_command" -l raw-public-keys -d 'keys without certificates (RFC 7250)'
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus -d 'serve metrics and health over HTTP'
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-username-labels -d 'traffic by user, of those with the most of it'
complete -c turnd -n "__fish_turnd_needs_command" -l prometheus-tls -d 'metrics over HTTPS; switches prometheus on'
complete -c turnd -n "__fish_turnd_needs_command" -l cli -d 'telnet console'
complete -c turnd -n "__fish_turnd_needs_command" -l no-cli -d 'no telnet console'
complete -c turnd -n "__fish_turnd_needs_command" -l web-admin -d 'web administration'
complete -c turnd -n "__fish_turnd_needs_command" -l web-admin-listen-on-workers -d 'web administration on the TURN ports'
complete -c turnd -n "__fish_turnd_needs_command" -s o -l daemon -d 'run in the background; returns when all is served'
complete -c turnd -n "__fish_turnd_needs_command" -l core-dumps -d 'let its memory, with the secrets, be dumped and read'
complete -c turnd -n "__fish_turnd_needs_command" -l no-loopback-peers -d 'refuse loopback peers'
complete -c turnd -n "__fish_turnd_needs_command" -l no-stun-backward-compatibility -d 'answer Binding in the new form only'
complete -c turnd -n "__fish_turnd_needs_command" -l prod -d 'do not tell details of the server'
complete -c turnd -n "__fish_turnd_needs_command" -l no-http -d 'no HTTP'
complete -c turnd -n "__fish_turnd_needs_command" -l st-cred-mech -d 'short-term credentials'
complete -c turnd -n "__fish_turnd_needs_command" -l sha256 -d 'SHA-256 for old drafts'
complete -c turnd -n "__fish_turnd_needs_command" -f -a "check" -d 'say what this configuration does; serve nobody'
complete -c turnd -n "__fish_turnd_needs_command" -f -a "convert" -d 'make a file in TOML of a coturn file'
complete -c turnd -n "__fish_turnd_needs_command" -f -a "healthcheck" -d 'ask the server of this configuration whether it answers'
complete -c turnd -n "__fish_turnd_needs_command" -f -a "help" -d 'print the help of a command'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s c -l config -d 'read this file; it must exist' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -s p -l listening-port -d 'UDP and TCP port for clients; 0 lets the system choose' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s L -l listening-ip -d 'address to listen on' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l anycast-ip -d 'send Allocate from here to there (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l sock-buf-size -d 'bytes of receive and send buffer per socket' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tls-listening-port -d 'port for TLS and DTLS, if there is a certificate' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l alt-listening-port -d 'second port; 0: none, or with rfc5780 the next one' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l alt-tls-listening-port -d 'second TLS port, likewise' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l aux-server -d 'further address and port to listen on' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l listen -d 'on udp, tcp, tls or dtls; ?proxy behind it (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s d -l listening-device -d 'network interface to listen on, and no other' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tcp-proxy-port -d 'further TCP port for a proxy that speaks the PROXY protocol' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l proxy-protocol-port -d 'a port above that only a proxy connects to (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l proxy-protocol-from -d 'address, range or block of proxies (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l acme-redirect -d 'redirect ACME challenges to this URL, token appended' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l max-connections -d 'TCP and TLS clients at once (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l max-connections-per-address -d 'the same from one address; 0: no limit (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tls-handshakes-per-second -d 'TLS handshakes a second and worker (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tls-handshakes-per-address -d 'TLS handshakes a second and address (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l stream-queue-bytes -d 'bytes that wait for a slow reader (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l stream-queue-time -d 'milliseconds that relayed data waits (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s E -l relay-ip -d 'address to open relay ports on' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s X -l external-ip -d 'address, name or auto, behind 1:1 NAT; or PUBLIC/PRIVATE' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l external-ip-stun-server -d 'HOST[:PORT] that external-ip=auto asks' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l external-ip-interval -d 'seconds between lookups of names (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l min-port -d 'lowest relay port' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l max-port -d 'highest relay port' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s A -l allocation-default-address-family -d 'if a client names none: ipv4, ipv6, or keep for its own' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s m -l relay-threads -d 'worker threads, at most 128; 0 is taken as 1' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l coalesce-usecs -d 'pause of a busy worker, for more packets (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l cpus -d 'number of cores, where it is detected wrongly' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s i -l relay-device -d 'network interface to relay through, and no other' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l multiplex-peer-port -d 'first port of multiplex-peer' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l multiplex-peer-max-peers -d 'peers per session of multiplex-peer' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s r -l realm -d 'name of the authentication realm' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s u -l user -d 'NAME:PASSWORD or NAME:0xKEY; switches authentication on' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l user-file -d 'file of users, one a line as behind user= (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l denied-user -d 'who is shut out; a reload ends what he has' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l static-auth-secret -d 'secret that time-limited credentials are made from' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l static-auth-secret-file -d 'file of such secrets, one a line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -s C -l rest-api-separator -d 'what separates expiry and user in such a user name' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l stale-nonce -d 'seconds that a nonce is good for; 0: for ever' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l stateless-nonce-secret -d 'what servers with the same nonces share' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l unauthorized-ratelimit-rps -d '401 replies per second and address; below 1: 10' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l unanswered-challenges -d '401s a second to who never answers; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l failed-logins -d 'wrong passwords a minute and address; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l oauth-key -d 'KID:KEY[:ALGORITHM[:NOT-AFTER]] of tokens (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l oauth-key-file -d 'file of such keys, one a line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l server-name -d 'name of the server in third-party tokens' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l secret-key-file -d 'key for an encrypted database password' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l allowed-peer-ip -d 'address, range a-b or block a/n; wins over denied' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l denied-peer-ip -d 'address, range a-b or block a/n' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s q -l user-quota -d 'allocations and reserved ports per user; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s Q -l total-quota -d 'allocations and reserved ports in total; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l max-allocate-lifetime -d 'most seconds an allocation is granted, 600 or more' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l channel-lifetime -d 'seconds that a channel lasts' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l permission-lifetime -d 'seconds that a permission lasts' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s s -l max-bps -d 'bytes per second and allocation, each way; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s B -l bps-capacity -d 'sum of max-bps that may be given out; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l new-peers-per-second -d 'peers an allocation may meet; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l max-allocate-timeout -d 'seconds that a stranger is remembered' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l drain-min-allocations -d 'exit at this number of allocations when draining' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l drain-timeout -d 'most seconds that a drain, also by SIGTERM, takes' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l alternate-server -d 'server to redirect clients to; several take turns' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tls-alternate-server -d 'the same for clients over TLS and DTLS' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tcp-alternate-server -d 'the same for clients over TCP' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l udp-alternate-server -d 'the same for clients over UDP' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l drain-alternate-server -d 'server to redirect to while this one drains (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s l -l log-file -d 'file to log to, one a day; or stdout, -, syslog' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l syslog-facility -d 'facility in syslog' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l log-format -d 'text or json' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l log-min-level -d 'debug, info, warning or error' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l log-addresses -d 'of clients and peers: full, masked, none' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l new-log-timestamp-format -d 'form of the time stamps (strftime)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l cert -d 'certificate chain, PEM; switches TLS on' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l pkey -d 'private key, PEM' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l pkey-pwd -d 'password of the private key' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l pkey-pwd-file -d 'file with that password in its first line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l cipher-list -d 'cipher suites, as OpenSSL names them' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l CA-file -d 'ask clients for a certificate of this authority, PEM' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l ec-curve-name -d 'curve for key exchange' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l dh-file -d 'Diffie-Hellman parameters' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -s b -l userdb -d 'SQLite database' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l db -d 'same as userdb' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -s e -l psql-userdb -d 'PostgreSQL database' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l sql-userdb -d 'same as psql-userdb' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s M -l mysql-userdb -d 'MySQL database' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s J -l mongo-userdb -d 'MongoDB database' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s N -l redis-userdb -d 'Redis database' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -s O -l redis-statsdb -d 'Redis for status and traffic' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-port -d 'TCP port of the metrics' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-address -d 'address of the metrics' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-path -d 'path of the metrics' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-top-users -d 'users that have a label of their own (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-cert -d 'certificate of the metrics, PEM' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-key -d 'private key of the metrics, PEM' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-user -d 'who may read the metrics, by a password (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-password -d 'the password for that (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-password-file -d 'a file with the password (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l cli-ip -d 'address of the console' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l cli-port -d 'port of the console' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l cli-password -d 'password of the console' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l cli-max-output-sessions -d 'sessions that the console lists' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l web-admin-ip -d 'its address' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l web-admin-port -d 'its port' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l pidfile -d 'file for the process\'s number, removed at the end' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand check" -l proc-user -d 'user to become when ports and keys are open' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l proc-group -d 'group to become then' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l secret-ts-exp-time -d 'expiry of secrets' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l ne -d 'number of the network engine' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand check" -l format -d 'form of the report' -r -f -a "text\t''
json\t''"
complete -c turnd -n "__fish_turnd_using_subcommand check" -s n -l no-config -d 'read no file'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s h -l help -d 'print this help and exit'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l version -d 'print the version and exit'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-udp -d 'no clients over plain UDP'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-tcp -d 'no clients over plain TCP'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-tls -d 'no clients over TLS'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l dtls -d 'serve clients over DTLS'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-dtls -d 'no DTLS, as without this'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l udp-self-balance -d 'redirect clients between own addresses'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l respond-http-unsupported -d 'answer other HTTP with an error instead of closing'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l http-page -d 'answer GET / with a tiny page (not in coturn)'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s K -l keep-address-family -d 'old way to say allocation-default-address-family=keep'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-udp-relay -d 'no relaying over UDP'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tcp-relay -d 'relay over TCP (RFC 6062), off without this (not in coturn)'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-tcp-relay -d 'no relaying over TCP, as without this'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l server-relay -d 'relay without permissions'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l mobility -d 'let clients move to another address'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l multiplex-peer -d 'one relay port for many clients'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l udp-recvmmsg -d 'receive in batches'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l udp-recvmmsg-log -d 'log how batches fill'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l udp-sendmmsg-log -d 'log how batches fill'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l udp-gso -d 'let the kernel segment sends'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l use-auth-secret -d 'time-limited credentials; follows from static-auth-secret'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s a -l lt-cred-mech -d 'long-term credentials; follows from user'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s z -l no-auth -d 'DANGEROUS: relay for anyone who asks'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l stateless-nonce -d 'nonces without memory'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l secure-stun -d 'authentication for Binding too'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l unauthorized-ratelimit -d 'limit 401 replies per address'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l oauth -d 'third-party tokens (RFC 7635), of the keys of oauth-key'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l check-origin-consistency -d 'ORIGIN must stay the same'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-auth-pings -d 'no keep-alives to databases'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-dynamic-ip-list -d 'no peer lists from databases'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-dynamic-realms -d 'no realms from databases'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l allow-private-peers -d 'open the addresses of local networks (not in coturn)'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l allow-loopback-peers -d 'open 127.0.0.0/8 and ::1, for tests'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-multicast-peers -d 'refuse multicast and broadcast peers'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l drop-invalid-packets -d 'drop malformed datagrams early'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l drop-invalid-packets-log -d 'log those drops'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s f -l fingerprint -d 'add FINGERPRINT always, not only when asked with one'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s S -l stun-only -d 'serve STUN alone, no TURN'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-stun -d 'do not answer Binding requests'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l rfc5766-channel-numbers -d 'accept channels 0x5000 to 0x7FFF too, for old clients'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l software-attribute -d 'tell the server\'s name and version'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-software-attribute -d 'do not tell the server\'s name and version'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l rfc5780 -d 'NAT behaviour discovery; needs two addresses of a family'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-rfc5780 -d 'no NAT behaviour discovery'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l response-origin-only-with-rfc5780 -d 'RESPONSE-ORIGIN only with NAT behaviour discovery'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l stun-backward-compatibility -d 'answer Binding with MAPPED-ADDRESS too, for old clients'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l rfc3489-compatibility -d 'answer classic STUN over UDP'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l include-reason-string -d 'detailed reasons in error replies'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s v -l verbose -d 'log sessions and requests'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s V -l Verbose -d 'log everything'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l simple-log -d 'one log file, without a date in its name'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-stdout-log -d 'log to the other places only'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l syslog -d 'log to syslog'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l journald -d 'log to systemd\'s journal'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l log-binding -d 'with verbose, log Binding requests'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l new-log-timestamp -d 'ISO 8601 time stamps'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l self-signed -d 'TLS without a certificate, for trying out (not in coturn)'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l dh566 -d 'short Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l dh1066 -d 'short Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l dh2066 -d 'long Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tlsv1 -d 'allow TLS 1.0'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l tlsv1_1 -d 'allow TLS 1.1'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-tlsv1 -d 'no TLS 1.0'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-tlsv1_1 -d 'no TLS 1.1'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-tlsv1_2 -d 'TLS 1.3 only'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-sslv2 -d 'no SSL 2'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-sslv3 -d 'no SSL 3'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l raw-public-keys -d 'keys without certificates (RFC 7250)'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus -d 'serve metrics and health over HTTP'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-username-labels -d 'traffic by user, of those with the most of it'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prometheus-tls -d 'metrics over HTTPS; switches prometheus on'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l cli -d 'telnet console'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-cli -d 'no telnet console'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l web-admin -d 'web administration'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l web-admin-listen-on-workers -d 'web administration on the TURN ports'
complete -c turnd -n "__fish_turnd_using_subcommand check" -s o -l daemon -d 'run in the background; returns when all is served'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l core-dumps -d 'let its memory, with the secrets, be dumped and read'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-loopback-peers -d 'refuse loopback peers'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-stun-backward-compatibility -d 'answer Binding in the new form only'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l prod -d 'do not tell details of the server'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l no-http -d 'no HTTP'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l st-cred-mech -d 'short-term credentials'
complete -c turnd -n "__fish_turnd_using_subcommand check" -l sha256 -d 'SHA-256 for old drafts'
complete -c turnd -n "__fish_turnd_using_subcommand convert" -s o -l output -d 'file to write' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s c -l config -d 'read this file; it must exist' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s p -l listening-port -d 'UDP and TCP port for clients; 0 lets the system choose' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s L -l listening-ip -d 'address to listen on' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l anycast-ip -d 'send Allocate from here to there (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l sock-buf-size -d 'bytes of receive and send buffer per socket' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tls-listening-port -d 'port for TLS and DTLS, if there is a certificate' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l alt-listening-port -d 'second port; 0: none, or with rfc5780 the next one' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l alt-tls-listening-port -d 'second TLS port, likewise' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l aux-server -d 'further address and port to listen on' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l listen -d 'on udp, tcp, tls or dtls; ?proxy behind it (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s d -l listening-device -d 'network interface to listen on, and no other' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tcp-proxy-port -d 'further TCP port for a proxy that speaks the PROXY protocol' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l proxy-protocol-port -d 'a port above that only a proxy connects to (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l proxy-protocol-from -d 'address, range or block of proxies (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l acme-redirect -d 'redirect ACME challenges to this URL, token appended' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l max-connections -d 'TCP and TLS clients at once (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l max-connections-per-address -d 'the same from one address; 0: no limit (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tls-handshakes-per-second -d 'TLS handshakes a second and worker (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tls-handshakes-per-address -d 'TLS handshakes a second and address (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l stream-queue-bytes -d 'bytes that wait for a slow reader (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l stream-queue-time -d 'milliseconds that relayed data waits (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s E -l relay-ip -d 'address to open relay ports on' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s X -l external-ip -d 'address, name or auto, behind 1:1 NAT; or PUBLIC/PRIVATE' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l external-ip-stun-server -d 'HOST[:PORT] that external-ip=auto asks' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l external-ip-interval -d 'seconds between lookups of names (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l min-port -d 'lowest relay port' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l max-port -d 'highest relay port' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s A -l allocation-default-address-family -d 'if a client names none: ipv4, ipv6, or keep for its own' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s m -l relay-threads -d 'worker threads, at most 128; 0 is taken as 1' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l coalesce-usecs -d 'pause of a busy worker, for more packets (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l cpus -d 'number of cores, where it is detected wrongly' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s i -l relay-device -d 'network interface to relay through, and no other' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l multiplex-peer-port -d 'first port of multiplex-peer' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l multiplex-peer-max-peers -d 'peers per session of multiplex-peer' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s r -l realm -d 'name of the authentication realm' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s u -l user -d 'NAME:PASSWORD or NAME:0xKEY; switches authentication on' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l user-file -d 'file of users, one a line as behind user= (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l denied-user -d 'who is shut out; a reload ends what he has' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l static-auth-secret -d 'secret that time-limited credentials are made from' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l static-auth-secret-file -d 'file of such secrets, one a line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s C -l rest-api-separator -d 'what separates expiry and user in such a user name' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l stale-nonce -d 'seconds that a nonce is good for; 0: for ever' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l stateless-nonce-secret -d 'what servers with the same nonces share' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l unauthorized-ratelimit-rps -d '401 replies per second and address; below 1: 10' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l unanswered-challenges -d '401s a second to who never answers; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l failed-logins -d 'wrong passwords a minute and address; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l oauth-key -d 'KID:KEY[:ALGORITHM[:NOT-AFTER]] of tokens (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l oauth-key-file -d 'file of such keys, one a line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l server-name -d 'name of the server in third-party tokens' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l secret-key-file -d 'key for an encrypted database password' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l allowed-peer-ip -d 'address, range a-b or block a/n; wins over denied' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l denied-peer-ip -d 'address, range a-b or block a/n' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s q -l user-quota -d 'allocations and reserved ports per user; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s Q -l total-quota -d 'allocations and reserved ports in total; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l max-allocate-lifetime -d 'most seconds an allocation is granted, 600 or more' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l channel-lifetime -d 'seconds that a channel lasts' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l permission-lifetime -d 'seconds that a permission lasts' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s s -l max-bps -d 'bytes per second and allocation, each way; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s B -l bps-capacity -d 'sum of max-bps that may be given out; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l new-peers-per-second -d 'peers an allocation may meet; 0: no limit' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l max-allocate-timeout -d 'seconds that a stranger is remembered' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l drain-min-allocations -d 'exit at this number of allocations when draining' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l drain-timeout -d 'most seconds that a drain, also by SIGTERM, takes' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l alternate-server -d 'server to redirect clients to; several take turns' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tls-alternate-server -d 'the same for clients over TLS and DTLS' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tcp-alternate-server -d 'the same for clients over TCP' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l udp-alternate-server -d 'the same for clients over UDP' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l drain-alternate-server -d 'server to redirect to while this one drains (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s l -l log-file -d 'file to log to, one a day; or stdout, -, syslog' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l syslog-facility -d 'facility in syslog' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l log-format -d 'text or json' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l log-min-level -d 'debug, info, warning or error' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l log-addresses -d 'of clients and peers: full, masked, none' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l new-log-timestamp-format -d 'form of the time stamps (strftime)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l cert -d 'certificate chain, PEM; switches TLS on' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l pkey -d 'private key, PEM' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l pkey-pwd -d 'password of the private key' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l pkey-pwd-file -d 'file with that password in its first line (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l cipher-list -d 'cipher suites, as OpenSSL names them' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l CA-file -d 'ask clients for a certificate of this authority, PEM' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l ec-curve-name -d 'curve for key exchange' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l dh-file -d 'Diffie-Hellman parameters' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s b -l userdb -d 'SQLite database' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l db -d 'same as userdb' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s e -l psql-userdb -d 'PostgreSQL database' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l sql-userdb -d 'same as psql-userdb' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s M -l mysql-userdb -d 'MySQL database' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s J -l mongo-userdb -d 'MongoDB database' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s N -l redis-userdb -d 'Redis database' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s O -l redis-statsdb -d 'Redis for status and traffic' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-port -d 'TCP port of the metrics' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-address -d 'address of the metrics' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-path -d 'path of the metrics' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-top-users -d 'users that have a label of their own (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-cert -d 'certificate of the metrics, PEM' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-key -d 'private key of the metrics, PEM' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-user -d 'who may read the metrics, by a password (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-password -d 'the password for that (not in coturn)' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-password-file -d 'a file with the password (not in coturn)' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l cli-ip -d 'address of the console' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l cli-port -d 'port of the console' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l cli-password -d 'password of the console' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l cli-max-output-sessions -d 'sessions that the console lists' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l web-admin-ip -d 'its address' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l web-admin-port -d 'its port' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l pidfile -d 'file for the process\'s number, removed at the end' -r -F
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l proc-user -d 'user to become when ports and keys are open' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l proc-group -d 'group to become then' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l secret-ts-exp-time -d 'expiry of secrets' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l ne -d 'number of the network engine' -r -f
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l to -d 'ask there: udp://IP:PORT or tcp://IP:PORT' -r
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l timeout -d 'how long to wait' -r
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s n -l no-config -d 'read no file'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s h -l help -d 'print this help and exit'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l version -d 'print the version and exit'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-udp -d 'no clients over plain UDP'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-tcp -d 'no clients over plain TCP'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-tls -d 'no clients over TLS'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l dtls -d 'serve clients over DTLS'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-dtls -d 'no DTLS, as without this'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l udp-self-balance -d 'redirect clients between own addresses'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l respond-http-unsupported -d 'answer other HTTP with an error instead of closing'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l http-page -d 'answer GET / with a tiny page (not in coturn)'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s K -l keep-address-family -d 'old way to say allocation-default-address-family=keep'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-udp-relay -d 'no relaying over UDP'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tcp-relay -d 'relay over TCP (RFC 6062), off without this (not in coturn)'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-tcp-relay -d 'no relaying over TCP, as without this'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l server-relay -d 'relay without permissions'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l mobility -d 'let clients move to another address'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l multiplex-peer -d 'one relay port for many clients'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l udp-recvmmsg -d 'receive in batches'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l udp-recvmmsg-log -d 'log how batches fill'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l udp-sendmmsg-log -d 'log how batches fill'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l udp-gso -d 'let the kernel segment sends'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l use-auth-secret -d 'time-limited credentials; follows from static-auth-secret'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s a -l lt-cred-mech -d 'long-term credentials; follows from user'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s z -l no-auth -d 'DANGEROUS: relay for anyone who asks'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l stateless-nonce -d 'nonces without memory'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l secure-stun -d 'authentication for Binding too'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l unauthorized-ratelimit -d 'limit 401 replies per address'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l oauth -d 'third-party tokens (RFC 7635), of the keys of oauth-key'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l check-origin-consistency -d 'ORIGIN must stay the same'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-auth-pings -d 'no keep-alives to databases'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-dynamic-ip-list -d 'no peer lists from databases'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-dynamic-realms -d 'no realms from databases'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l allow-private-peers -d 'open the addresses of local networks (not in coturn)'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l allow-loopback-peers -d 'open 127.0.0.0/8 and ::1, for tests'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-multicast-peers -d 'refuse multicast and broadcast peers'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l drop-invalid-packets -d 'drop malformed datagrams early'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l drop-invalid-packets-log -d 'log those drops'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s f -l fingerprint -d 'add FINGERPRINT always, not only when asked with one'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s S -l stun-only -d 'serve STUN alone, no TURN'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-stun -d 'do not answer Binding requests'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l rfc5766-channel-numbers -d 'accept channels 0x5000 to 0x7FFF too, for old clients'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l software-attribute -d 'tell the server\'s name and version'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-software-attribute -d 'do not tell the server\'s name and version'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l rfc5780 -d 'NAT behaviour discovery; needs two addresses of a family'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-rfc5780 -d 'no NAT behaviour discovery'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l response-origin-only-with-rfc5780 -d 'RESPONSE-ORIGIN only with NAT behaviour discovery'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l stun-backward-compatibility -d 'answer Binding with MAPPED-ADDRESS too, for old clients'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l rfc3489-compatibility -d 'answer classic STUN over UDP'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l include-reason-string -d 'detailed reasons in error replies'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s v -l verbose -d 'log sessions and requests'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s V -l Verbose -d 'log everything'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l simple-log -d 'one log file, without a date in its name'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-stdout-log -d 'log to the other places only'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l syslog -d 'log to syslog'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l journald -d 'log to systemd\'s journal'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l log-binding -d 'with verbose, log Binding requests'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l new-log-timestamp -d 'ISO 8601 time stamps'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l self-signed -d 'TLS without a certificate, for trying out (not in coturn)'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l dh566 -d 'short Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l dh1066 -d 'short Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l dh2066 -d 'long Diffie-Hellman group'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tlsv1 -d 'allow TLS 1.0'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l tlsv1_1 -d 'allow TLS 1.1'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-tlsv1 -d 'no TLS 1.0'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-tlsv1_1 -d 'no TLS 1.1'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-tlsv1_2 -d 'TLS 1.3 only'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-sslv2 -d 'no SSL 2'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-sslv3 -d 'no SSL 3'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l raw-public-keys -d 'keys without certificates (RFC 7250)'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus -d 'serve metrics and health over HTTP'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-username-labels -d 'traffic by user, of those with the most of it'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prometheus-tls -d 'metrics over HTTPS; switches prometheus on'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l cli -d 'telnet console'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-cli -d 'no telnet console'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l web-admin -d 'web administration'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l web-admin-listen-on-workers -d 'web administration on the TURN ports'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -s o -l daemon -d 'run in the background; returns when all is served'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l core-dumps -d 'let its memory, with the secrets, be dumped and read'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-loopback-peers -d 'refuse loopback peers'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-stun-backward-compatibility -d 'answer Binding in the new form only'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l prod -d 'do not tell details of the server'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l no-http -d 'no HTTP'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l st-cred-mech -d 'short-term credentials'
complete -c turnd -n "__fish_turnd_using_subcommand healthcheck" -l sha256 -d 'SHA-256 for old drafts'
