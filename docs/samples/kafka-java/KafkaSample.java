import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

import static java.nio.charset.StandardCharsets.UTF_8;

/** KAFKA_BOOTSTRAP=… KAFKA_PASSWORD=… java -cp … KafkaSample CASE_SYSTEM EVENTS */
public class KafkaSample {
    private static final Map<String, String> ENV = System.getenv();
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path FILE = Path.of("held.properties");
    /** After a resync, once: the epoch that it was asked for. */
    private static final String EPOCH = ENV.getOrDefault("KAFKA_EPOCH", "");

    private final String caseSystem;
    /** Your database: effects and places change together, here by replacing one file. */
    private Properties held = new Properties();

    private KafkaSample(String caseSystem) throws IOException {
        this.caseSystem = caseSystem;
        if (Files.exists(FILE)) {
            try (var in = Files.newBufferedReader(FILE)) {
                held.load(in);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        new KafkaSample(arguments[0]).run(Integer.parseInt(arguments[1]));
    }

    private void run(int events) throws Exception {
        try (var consumer = new KafkaConsumer<String, String>(settings(Map.of(
                    "enable.auto.commit", "false", "auto.offset.reset", "none",
                    "max.poll.records", Integer.toString(Math.min(events, 1_000)))),
                new StringDeserializer(), new StringDeserializer());
             var producer = new KafkaProducer<String, String>(
                settings(Map.of("acks", "all", "enable.idempotence", "true")),
                new StringSerializer(), new StringSerializer())) {
            List<TopicPartition> places = IntStream.range(0, 6)
                .mapToObj(n -> new TopicPartition("kv.routing-api." + caseSystem + ".v1", n))
                .toList();
            consumer.assign(places);
            for (TopicPartition place : places) {
                String next = held.getProperty("next." + place.partition());
                if (next == null) {
                    consumer.seekToBeginning(List.of(place));
                } else {  // An offset that is kept no longer raises: then resync.
                    consumer.seek(place, Long.parseLong(next));
                }
            }
            acknowledge(producer);
            for (int left = events; left > 0; ) {
                Properties changed = (Properties) held.clone();
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    take(record, changed);
                    if (--left == 0) {
                        break;
                    }
                }
                store(changed);
                acknowledge(producer);
            }
        }
    }

    private static void take(ConsumerRecord<String, String> record, Properties changed)
            throws IOException {
        Map<String, String> headers = new HashMap<>();
        for (Header header : record.headers()) {
            headers.put(header.key(), new String(header.value(), UTF_8));
        }
        String sequence = headers.get("ce_sequence");
        String place = "sequence." + record.partition();
        String seen = changed.getProperty(place, "");
        String epoch = sequence.substring(0, 6);
        String known = changed.stringPropertyNames().stream()
            .filter(name -> name.startsWith("sequence."))
            .map(name -> changed.getProperty(name).substring(0, 6))
            .reduce(EPOCH, (one, other) -> one.compareTo(other) > 0 ? one : other);
        if (!known.isEmpty() && epoch.compareTo(known) > 0) {  // The service was restored: take
            // the snapshot anew. Nothing of this batch is kept.
            throw new IllegalStateException("resync: the epoch is now " + epoch);
        }
        boolean isAgain = headers.containsKey("ce_redeliveryid");
        boolean isNew = !isAgain && sequence.compareTo(seen) > 0;
        if (isNew || isAgain) {  // Else a repeat: nothing to do.
            JsonNode data = JSON.readTree(record.value());
            String client = data.path("client_id").asText();
            String transfer = "transfer." + data.path("transfer_id").asText();
            switch (headers.get("ce_type")) {
                case "fi.kuntavayla.client.transferred.v1" ->
                    changed.putIfAbsent(transfer, "taken " + client + " " + Instant.now());
                case "fi.kuntavayla.client.withdrawn.v1" -> changed.put(transfer, "ended");
                default -> { }  // Types that you do not know: pass over them, never stop.
            }
            System.out.println(headers.get("ce_type") + " " + client);
        }
        if (isNew) {
            changed.put(place, sequence);
        }
        changed.put("next." + record.partition(), Long.toString(record.offset() + 1));
    }

    private void acknowledge(KafkaProducer<String, String> producer) throws Exception {
        Properties changed = (Properties) held.clone();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (String name : held.stringPropertyNames()) {
            String[] state = held.getProperty(name).split(" ");
            if (state[0].equals("taken")) {  // Fetch and store the person first: poller.py.
                sent.add(producer.send(takenOver(name.substring("transfer.".length()), state)));
                changed.put(name, "acknowledged");
            }
        }
        for (Future<RecordMetadata> each : sent) {
            each.get();
        }
        store(changed);  // Only what the broker has is noted; a repeat after a crash is harmless.
    }

    private ProducerRecord<String, String> takenOver(String transfer, String[] state) {
        String value = JSON.createObjectNode()
            .put("transfer_id", transfer).put("taken_over_at", state[2]).toString();
        var record = new ProducerRecord<>(
            "kv.routing-api.in." + caseSystem + ".v1", state[1], value);
        Map.of("ce_specversion", "1.0", "ce_id", transfer, "ce_source", "/" + caseSystem,
                "ce_type", "fi.kuntavayla.transfer.taken-over.v1",
                "content-type", "application/json")
            .forEach((name, text) -> record.headers().add(name, text.getBytes(UTF_8)));
        return record;
    }

    private void store(Properties changed) throws IOException {
        Path draft = Path.of(FILE + ".draft");
        try (var out = Files.newBufferedWriter(draft)) {
            changed.store(out, null);
        }
        Files.move(draft, FILE, StandardCopyOption.ATOMIC_MOVE);
        held = changed;
    }

    private Map<String, Object> settings(Map<String, String> more) {
        Map<String, Object> settings = new HashMap<>(more);
        settings.put("bootstrap.servers", ENV.get("KAFKA_BOOTSTRAP"));
        String security = ENV.getOrDefault("KAFKA_SECURITY", "SASL_SSL");
        settings.put("security.protocol", security);
        if (security.startsWith("SASL")) {
            settings.put("sasl.mechanism", "SCRAM-SHA-512");
            settings.put("sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required username=\""
                    + caseSystem + "\" password=\"" + ENV.get("KAFKA_PASSWORD") + "\";");
        }
        if (ENV.containsKey("KAFKA_CA_FILE")) {
            settings.put("ssl.truststore.type", "PEM");
            settings.put("ssl.truststore.location", ENV.get("KAFKA_CA_FILE"));
        }
        return settings;
    }
}
