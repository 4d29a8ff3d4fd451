import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.tools.AclCommand;

/** Runs Kafka's kafka-acls once a line of a file, its arguments separated by tabs: a JVM for each would take a second. */
public class AclCommands {
    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            AclCommand.main(line.split("\t"));
        }
    }
}
