// SPDX-License-Identifier: GPL-3.0-or-later
// java Get.java old|new: HttpsURLConnection or HttpClient; for capture-hellos.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Get {
    public static void main(String[] arguments) throws Exception {
        URI place = URI.create("https://invariance.test/");
        if (arguments[0].equals("old"))
            place.toURL().openConnection().getInputStream();
        else
            HttpClient.newHttpClient().send(HttpRequest.newBuilder(place).build(), HttpResponse.BodyHandlers.ofString());
    }
}
