// SPDX-License-Identifier: GPL-3.0-or-later
// What Java programs of a build do: HttpClient (h2c offered on plain HTTP, HTTP/2 over TLS, pools of HTTP/1.1 connections kept idle and
// used again), HttpsURLConnection, the resolver.  Argument: the CA's certificate.
import java.io.FileInputStream;
import java.net.InetAddress;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Legit {
    static void all(HttpClient client, String form, int count) throws Exception {
        List<CompletableFuture<HttpResponse<String>>> asked = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(form.replace("#", Integer.toString(i % 10)))).timeout(Duration.ofSeconds(60)).build();
            asked.add(client.sendAsync(request, HttpResponse.BodyHandlers.ofString()));
        }
        for (CompletableFuture<HttpResponse<String>> one : asked) {
            if (one.get().statusCode() != 200 || !one.get().body().startsWith("hello from ")) {
                throw new Exception("not the answer: " + one.get());
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(arguments[0])));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);

        HttpClient two = HttpClient.newBuilder().sslContext(context).connectTimeout(Duration.ofSeconds(10)).build();
        HttpClient one = HttpClient.newBuilder().sslContext(context).version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();
        for (int round = 0; round < 2; round++) {
            all(two, "http://git.test/hello", 10);
            all(two, "https://pool#.test/hello", 30);
            all(one, "https://pool#.test/hello", 40);
            all(one, "http://git.test/hello", 20);
            if (round == 0) {
                Thread.sleep(1500);
            }
        }
        HttpRequest post = HttpRequest.newBuilder(URI.create("http://git.test/sum")).POST(HttpRequest.BodyPublishers.ofByteArray(new byte[200000])).build();
        if (two.send(post, HttpResponse.BodyHandlers.ofString()).statusCode() != 200) {
            throw new Exception("POST");
        }
        HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
        for (int i = 0; i < 5; i++) {
            HttpsURLConnection connection = (HttpsURLConnection)new URL("https://git.test/hello").openConnection();
            if (!new String(connection.getInputStream().readAllBytes()).equals("hello from git.test\n")) {
                throw new Exception("HttpsURLConnection");
            }
        }
        if (InetAddress.getAllByName("git.test").length < 2) {
            throw new Exception("addresses");
        }
        System.exit(0);
    }
}
