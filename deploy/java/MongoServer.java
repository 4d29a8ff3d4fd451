import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.io.IOException;
import java.util.List;
import org.h2.mvstore.MVStore;

/**
 * A server that speaks MongoDB's wire protocol, for a machine that has Java and no MongoDB. For trying and testing.
 *
 * <p>{@code java -cp 'target/classes:target/jars/*' MongoServer 127.0.0.1 0 data.h2}. Port 0 takes a free one; a file
 * called {@code memory} is none. The port it listens on is the one line that it prints. It ends when standard input does, as
 * Launcher.java says why.
 */
class MongoServer {
  /** Without it pymongo 4 takes the server for one that is too old. */
  static final MongoVersion VERSION = new MongoVersion() {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(6, 0, 0);
    }

    @Override
    public int getWireVersion() {
      return 17;
    }
  };

  private static final int WRITTEN_WITHIN_MS = 5;

  public static void main(String[] arguments) {
    String file = arguments[2];
    H2Backend backend = file.equals("memory") ? H2Backend.inMemory() : new H2Backend(opened(file));
    backend.version(VERSION);
    var server = new de.bwaldvogel.mongo.MongoServer(backend);
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow)); // which closes the file
    server.bind(arguments[0], Integer.parseInt(arguments[1]));
    System.out.println(server.getLocalAddress().getPort());
    endWithTheInput();
  }

  /** By itself it writes what it has taken once a second: whoever kills it meanwhile would lose what was acknowledged. */
  private static MVStore opened(String file) {
    MVStore store = MVStore.open(file);
    store.setAutoCommitDelay(WRITTEN_WITHIN_MS);
    return store;
  }

  private static void endWithTheInput() {
    try {
      while (System.in.read() >= 0) {
        // What is written to it means nothing.
      }
    } catch (IOException gone) {
      // A broken pipe is an end as well.
    }
    System.exit(0);
  }
}
