import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.sql.Blob;
import java.sql.Clob;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Executes statements on H2 in its Oracle mode, for package oratest. One TCP connection
 * is one connection to a database in memory; the first message names the database.
 * See bridge.go for the messages. It ends when its standard input does.
 */
public class OraBridge {
  /** H2 does not look for a cancellation while it waits for a lock, so it waits in small pieces. */
  static final String OPTIONS = ";MODE=Oracle;DB_CLOSE_DELAY=-1;LOCK_TIMEOUT=100";
  static final int LOCK_TIMEOUT_ERROR = 50200;
  static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);

  public static void main(String[] args) throws Exception {
    Class.forName("org.h2.Driver");
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      System.out.println("READY " + server.getLocalPort());
      System.out.flush();
      start(() -> { while (System.in.read() >= 0) { } Runtime.getRuntime().halt(0); });
      while (true) {
        Socket client = server.accept();
        start(() -> new OraBridge(client).serve());
      }
    }
  }

  interface Work { void run() throws Exception; }

  static void start(Work work) {
    Thread t = new Thread(() -> { try { work.run(); } catch (Exception e) { /* the client has gone */ } });
    t.setDaemon(true);
    t.start();
  }

  final Socket client;
  final DataInputStream in;
  final DataOutputStream out;
  Connection db;
  Statement running; // guarded by this
  boolean cancelled; // guarded by this

  OraBridge(Socket client) throws IOException {
    client.setTcpNoDelay(true);
    this.client = client;
    in = new DataInputStream(new BufferedInputStream(client.getInputStream()));
    out = new DataOutputStream(client.getOutputStream());
  }

  void serve() throws Exception {
    ExecutorService worker = Executors.newSingleThreadExecutor();
    try {
      db = DriverManager.getConnection("jdbc:h2:mem:" + readText() + OPTIONS, "sa", "");
      for (int op = in.read(); op >= 0; op = in.read()) {
        switch (op) {
          case 'B': db.setAutoCommit(false); done(); break;
          case 'V': // a transaction that sees the database as it is now
            db.setTransactionIsolation(6); // Constants.TRANSACTION_SNAPSHOT
            db.setAutoCommit(false);
            done();
            break;
          case 'C': db.commit(); ended(); done(); break;
          case 'R': db.rollback(); ended(); done(); break;
          case 'K': cancel(); break;
          case 'X': {
            String sql = readText();
            Object[][] rows = readRows();
            synchronized (this) { cancelled = false; }
            worker.submit(() -> { try { answer(execute(sql, rows)); } catch (IOException e) { /* the client has gone */ } });
            break;
          }
          default: throw new IOException("unknown message " + op);
        }
      }
    } finally {
      cancel();
      worker.shutdown();
      worker.awaitTermination(1, TimeUnit.MINUTES);
      if (db != null) { try { db.rollback(); } catch (SQLException e) { /* it was not in a transaction */ } db.close(); }
      client.close();
    }
  }

  void ended() throws SQLException {
    db.setAutoCommit(true);
    db.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
  }

  synchronized void cancel() throws SQLException {
    cancelled = true;
    if (running != null) running.cancel();
  }

  synchronized void running(Statement s) throws SQLException {
    running = s;
    if (cancelled) throw new SQLException("cancelled before it began", "57014", 57014);
  }

  void done() throws IOException {
    answer(new byte[] {'U', 0, 0, 0, 0, 0, 0, 0, 0});
  }

  synchronized void answer(byte[] message) throws IOException {
    out.write(message);
    out.flush();
  }

  byte[] execute(String sql, Object[][] rows) throws IOException {
    ByteArrayOutputStream message = new ByteArrayOutputStream();
    long start = System.nanoTime();
    while (true) {
      message.reset();
      try (PreparedStatement s = db.prepareStatement(sql)) {
        running(s);
        if (rows.length > 1) batch(s, rows, new DataOutputStream(message));
        else single(s, rows, new DataOutputStream(message));
        return message.toByteArray();
      } catch (SQLException e) {
        while (e.getNextException() != null) e = e.getNextException();
        if (e.getErrorCode() == LOCK_TIMEOUT_ERROR && System.nanoTime() - start < PATIENCE) continue;
        message.reset();
        failure(e, new DataOutputStream(message));
        return message.toByteArray();
      } finally {
        stopped();
      }
    }
  }

  synchronized void stopped() { running = null; }

  /** A batch fails as a whole, as Oracle's arrays do. */
  void batch(PreparedStatement s, Object[][] rows, DataOutputStream o) throws SQLException, IOException {
    boolean alone = db.getAutoCommit();
    if (alone) db.setAutoCommit(false);
    Savepoint before = db.setSavepoint();
    try {
      for (Object[] row : rows) { bind(s, row); s.addBatch(); }
      long changed = 0;
      for (int n : s.executeBatch()) changed += n;
      o.writeByte('U');
      o.writeLong(changed);
    } catch (SQLException e) {
      db.rollback(before);
      throw e;
    } finally {
      if (alone) { db.commit(); db.setAutoCommit(true); }
    }
  }

  static void single(PreparedStatement s, Object[][] rows, DataOutputStream o) throws SQLException, IOException {
    if (rows.length == 1) bind(s, rows[0]);
    if (s.execute()) { try (ResultSet rs = s.getResultSet()) { result(rs, o); } return; }
    o.writeByte('U');
    o.writeLong(Math.max(0, s.getUpdateCount()));
  }

  static void result(ResultSet rs, DataOutputStream o) throws SQLException, IOException {
    ResultSetMetaData md = rs.getMetaData();
    int n = md.getColumnCount();
    o.writeByte('Q');
    o.writeInt(n);
    for (int i = 1; i <= n; i++) { writeText(o, md.getColumnLabel(i)); writeText(o, md.getColumnTypeName(i)); }
    while (rs.next()) {
      o.writeByte('r');
      for (int i = 1; i <= n; i++) writeValue(o, rs, i);
    }
    o.writeByte('d');
  }

  static void failure(SQLException e, DataOutputStream o) throws IOException {
    o.writeByte('E');
    o.writeInt(e.getErrorCode());
    writeText(o, String.valueOf(e.getMessage()));
  }

  static void bind(PreparedStatement s, Object[] row) throws SQLException {
    for (int i = 0; i < row.length; i++) {
      if (row[i] == null) s.setNull(i + 1, Types.VARCHAR);
      else s.setObject(i + 1, row[i]);
    }
  }

  Object[][] readRows() throws IOException {
    Object[][] rows = new Object[in.readInt()][in.readInt()];
    for (Object[] row : rows) for (int i = 0; i < row.length; i++) row[i] = readValue();
    return rows;
  }

  /** An empty text is NULL, as it is in Oracle. */
  Object readValue() throws IOException {
    int tag = in.readByte();
    switch (tag) {
      case 'n': return null;
      case 's': { String s = readText(); return s.isEmpty() ? null : s; }
      case 'd': return new BigDecimal(readText());
      case 'b': { byte[] b = readBytes(); return b.length == 0 ? null : b; }
      case 't': return OffsetDateTime.ofInstant(Instant.ofEpochSecond(in.readLong(), in.readInt()), ZoneOffset.UTC);
      default: throw new IOException("unknown tag " + tag);
    }
  }

  byte[] readBytes() throws IOException {
    byte[] b = new byte[in.readInt()];
    in.readFully(b);
    return b;
  }

  String readText() throws IOException { return new String(readBytes(), StandardCharsets.UTF_8); }

  static void writeBytes(DataOutputStream o, byte[] b) throws IOException { o.writeInt(b.length); o.write(b); }

  static void writeText(DataOutputStream o, String s) throws IOException { writeBytes(o, s.getBytes(StandardCharsets.UTF_8)); }

  static void writeValue(DataOutputStream o, ResultSet rs, int i) throws SQLException, IOException {
    Object v = rs.getObject(i);
    if (v instanceof Clob) v = rs.getString(i);
    if (v instanceof Blob) v = rs.getBytes(i);
    if (v == null) o.writeByte('n');
    else if (v instanceof byte[]) { o.writeByte('b'); writeBytes(o, (byte[]) v); }
    else if (v instanceof OffsetDateTime) writeTime(o, ((OffsetDateTime) v).toInstant());
    else if (v instanceof Timestamp) writeTime(o, ((Timestamp) v).toLocalDateTime().toInstant(ZoneOffset.UTC));
    else if (v instanceof BigDecimal) { o.writeByte('s'); writeText(o, ((BigDecimal) v).toPlainString()); }
    else { o.writeByte('s'); writeText(o, v.toString()); }
  }

  static void writeTime(DataOutputStream o, Instant t) throws IOException {
    o.writeByte('t');
    o.writeLong(t.getEpochSecond());
    o.writeInt(t.getNano());
  }
}
