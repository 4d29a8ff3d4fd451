import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.SpecificationVersion;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads every JSON Schema of a folder, judges each by its own meta-schema, and the cases of stdin: [{schema, data}, ...].
 * Prints {faults: [...], valid: [true, false, ...]}.
 */
final class Networknt {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  public static void main(String[] arguments) throws Exception {
    SchemaRegistryConfig formatsToo = SchemaRegistryConfig.builder().formatAssertionsEnabled(true).build();
    SchemaRegistry registry =
        SchemaRegistry.withDefaultDialect(
            SpecificationVersion.DRAFT_2020_12, builder -> builder.schemaRegistryConfig(formatsToo));
    Schema meta = registry.getSchema(SchemaLocation.of("https://json-schema.org/draft/2020-12/schema"));
    List<String> faults = new ArrayList<>();
    Map<String, Schema> schemas = new HashMap<>();
    try (var files = Files.list(Path.of(arguments[0]))) {
      for (Path file : files.sorted().toList()) {
        String text = Files.readString(file);
        String name = file.getFileName().toString();
        meta.validate(text, InputFormat.JSON).forEach(error -> faults.add(name + ": " + error));
        Schema schema = registry.getSchema(text, InputFormat.JSON);
        schema.initializeValidators();
        schemas.put(name, schema);
      }
    }
    List<Boolean> valid = new ArrayList<>();
    for (JsonNode one : JSON.readTree(System.in)) {
      valid.add(schemas.get(one.get("schema").asString()).validate(one.get("data").toString(), InputFormat.JSON).isEmpty());
    }
    System.out.println(JSON.writeValueAsString(Map.of("faults", faults, "valid", valid)));
  }
}
