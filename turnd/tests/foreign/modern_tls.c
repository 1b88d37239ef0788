/* Loaded before turnutils_uclient 4.6, which draws a version from TLS 1.0 to 1.3 (DTLS 1.0 or 1.2) for each
 * connection. turnd serves 1.2 and later only (RFC 8996), so the older ones become 1.2. */

typedef struct ssl_method_st SSL_METHOD;

const SSL_METHOD *TLSv1_2_client_method(void);
const SSL_METHOD *DTLSv1_2_client_method(void);

const SSL_METHOD *TLSv1_client_method(void) { return TLSv1_2_client_method(); }
const SSL_METHOD *TLSv1_1_client_method(void) { return TLSv1_2_client_method(); }
const SSL_METHOD *DTLSv1_client_method(void) { return DTLSv1_2_client_method(); }
