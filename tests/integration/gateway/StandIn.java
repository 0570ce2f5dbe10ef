// Stands in for the broker's gateway: TLS with the keystore and password of its conf.yaml, one answer for the session.
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

public class StandIn {
    public static void main(String[] arguments) throws Exception {
        String configuration = Files.readString(Path.of(arguments[0]));
        char[] password = value(configuration, "sslPwd").toCharArray();
        KeyStore keys = KeyStore.getInstance("JKS");
        keys.load(new FileInputStream("root/" + value(configuration, "sslCert")), password);
        KeyManagerFactory managers = KeyManagerFactory.getInstance("SunX509");
        managers.init(keys, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        int port = Integer.parseInt(value(configuration, "listenPort"));
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        server.createContext("/v1/api/iserver/auth/status", exchange -> {
            byte[] body = Files.readAllBytes(Path.of("../status.json"));
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        System.out.println("LISTENING");
    }

    private static String value(String configuration, String key) {
        Matcher found = Pattern.compile("(?m)^" + key + ": \"?([^\"\\n]*)").matcher(configuration);
        if (!found.find()) {
            throw new IllegalStateException(key + " is missing");
        }
        return found.group(1);
    }
}
