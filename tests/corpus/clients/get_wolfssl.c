/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wolfSSL with its defaults (or TLS 1.2 alone, with an argument); for capture-hellos.  cc get_wolfssl.c -lwolfssl */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <netdb.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
    (void)argv;
    static const char name[] = "invariance.test";
    struct addrinfo *found = NULL, wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    wolfSSL_Init();
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(argc > 1 ? wolfTLSv1_2_client_method() : wolfSSLv23_client_method());
    if (!ctx || getaddrinfo(name, "443", &wanted, &found) != 0)
        return 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    WOLFSSL *ssl = wolfSSL_new(ctx);
    if (!ssl || connect(fd, found->ai_addr, found->ai_addrlen) != 0)
        return 1;
    wolfSSL_set_fd(ssl, fd);
    wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, name, sizeof name - 1);
    return wolfSSL_connect(ssl) != SSL_SUCCESS;
}
