import java.util.Arrays;

/**
 * Runs another class's main, and ends when standard input does: whoever started a server holds the other end of that
 * pipe, so that nothing is left running when it is gone, however it went.
 */
public class Launcher {
    public static void main(String[] arguments) throws Exception {
        Thread watch = new Thread(Launcher::endWithTheInput, "input-watch");
        watch.setDaemon(true);
        watch.start();
        String[] rest = Arrays.copyOfRange(arguments, 1, arguments.length);
        Class.forName(arguments[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
    }

    private static void endWithTheInput() {
        try {
            while (System.in.read() >= 0) {
                // What is written to it means nothing.
            }
        } catch (java.io.IOException gone) {
            // A broken pipe is an end as well.
        }
        System.exit(0);
    }
}
