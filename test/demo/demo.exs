# The demo's client: an Elixir node that is no member of the ring. See demo.sh.

defmodule DemoSup do
  # What a supervisorring supervisor is on a BEAM, unchanged. The C++ nodes ask this node for it.
  def init(_arg) do
    {:ok, {{:one_for_one, 10, 5}, Enum.map(ids(), &spec/1)}}
  end

  def ids, do: Enum.map(1..12, &:"c#{&1}")

  # Starts a GenServer on a BEAM, a C++ object on a C++ node.
  defp spec(id) do
    {id, {:gen_server, :start_link, [{:local, id}, Counter, [], []]}, :permanent, 2000, :worker, [Counter]}
  end
end

defmodule Demo.Programs do
  @moduledoc "Starts and ends the ringnode programs by process id."

  def node_of(name), do: :"#{name}@127.0.0.1"

  def start(name, join) do
    run = System.fetch_env!("DEMO_RUN")
    root = System.fetch_env!("DEMO_ROOT")
    arguments =
      ["run", "--name", "#{node_of(name)}", "--cookie-file", "#{run}/cookie", "--listen", "127.0.0.1"] ++
        ["--data-dir", "#{run}/#{name}", "--workers", "#{root}/priv/libcounter.so"] ++
        ["--supervisor", "'Elixir.DemoSup'='Elixir.DemoSup'@#{Node.self()}"] ++
        if(join, do: ["--join", "#{node_of(join)}"], else: [])

    command = Enum.map_join(["#{root}/priv/ringnode" | arguments], " ", &quote_word/1)
    {pid, 0} = System.cmd("sh", ["-c", "setsid #{command} >>#{run}/#{name}.log 2>&1 </dev/null & echo $!"])
    File.write!("#{run}/pids/#{name}", String.trim(pid))
  end

  def kill(name, signal) do
    pid = File.read!("#{System.fetch_env!("DEMO_RUN")}/pids/#{name}")
    {_, 0} = System.cmd("kill", ["-#{signal}", pid])
    pid
  end

  def await_end(name, os_pid) do
    Demo.Wait.until("#{name} to end", fn -> not alive?(os_pid) end)
    File.rm("#{System.fetch_env!("DEMO_RUN")}/pids/#{name}")
  end

  # A program that has ended and is not reaped yet is a zombie: ended all the same.
  defp alive?(os_pid) do
    case File.read("/proc/#{os_pid}/stat") do
      {:ok, stat} -> not String.contains?(stat, ") Z ")
      _ -> false
    end
  end

  defp quote_word(word), do: "'" <> String.replace("#{word}", "'", "'\\''") <> "'"
end

defmodule Demo.Wait do
  def until(what, fun, deadline_ms \\ 15_000) do
    deadline = now_ms() + deadline_ms
    loop(what, fun, deadline)
  end

  def now_ms, do: System.monotonic_time(:millisecond)

  defp loop(what, fun, deadline) do
    case safely(fun) do
      falsy when falsy in [nil, false] ->
        if now_ms() > deadline, do: raise("waited too long for #{what}; the logs are in #{System.get_env("DEMO_RUN")}")
        Process.sleep(5)
        loop(what, fun, deadline)

      value ->
        value
    end
  end

  defp safely(fun) do
    fun.()
  catch
    :exit, _ -> nil
  end
end

defmodule Demo.Cluster do
  @moduledoc "What the client asks of the cluster."

  # {member, count} of every counter, or nil while one of them is on its way.
  def counters do
    Map.new(DemoSup.ids(), fn id -> {id, {owner(id), call(id, :get)}} end)
  end

  def owner(id), do: :supervisorring.find(DemoSup, id)
  def call(id, request), do: GenServer.call({id, owner(id)}, request)

  def up(member) do
    set = GenServer.call({NanoRing, Demo.Programs.node_of(member)}, :get_up)
    newest = fn map -> Enum.reduce(Map.keys(map.map), %{}, fn {n, t}, acc -> Map.update(acc, n, t, &max(&1, t)) end) end
    removed = newest.(set.rem_set)
    for {n, t} <- newest.(set.add_set), not (Map.has_key?(removed, n) and removed[n] > t), do: n
  end

  def await_up(names) do
    nodes = names |> Enum.map(&Demo.Programs.node_of/1) |> Enum.sort()
    Demo.Wait.until("the members #{Enum.join(names, ", ")} to be up", fn ->
      Enum.all?(names, fn n -> Enum.sort(up(n)) == nodes end)
    end)
  end
end

defmodule Demo.Picture do
  @moduledoc "The ring as a bar of coloured cells, and the table of who owns what."

  @colors %{"cpp1" => 36, "cpp2" => 33, "cpp3" => 35}
  @cells 72

  def ring(names) do
    points =
      for name <- names, index <- 1..300 do
        {:crypto.hash(:sha, :erlang.term_to_binary("#{Demo.Programs.node_of(name)}#{index}")), name}
      end
      |> Enum.sort()

    cells = for cell <- 0..(@cells - 1), do: owner(points, <<div(cell * 0x1_0000_0000, @cells)::32, 0::128>>)
    IO.puts("    ring  " <> Enum.map_join(cells, &paint(String.last(&1), &1)))
    shares = Enum.map_join(names, "   ", fn name -> paint("#{name} #{share(points, name)} %", name) end)
    IO.puts("    share " <> shares)
  end

  def table(counters, names) do
    for name <- names do
      mine = for {id, {node, count}} <- counters, node == Demo.Programs.node_of(name), do: {id, count}
      cells = mine |> Enum.sort_by(fn {id, _} -> number(id) end) |> Enum.map_join("  ", fn {id, n} -> "#{id}=#{n}" end)
      IO.puts("    " <> paint(String.pad_trailing(name, 6), name) <> cells)
    end
  end

  def number(id), do: id |> Atom.to_string() |> String.trim_leading("c") |> String.to_integer()

  def paint(text, name) do
    if System.get_env("DEMO_COLOR"), do: "\e[#{@colors[name]}m#{text}\e[0m", else: text
  end

  defp owner(points, key) do
    case Enum.find(points, fn {hash, _} -> hash >= key end) do
      {_, name} -> name
      nil -> points |> hd() |> elem(1)
    end
  end

  defp share(points, name) do
    {total, _} =
      Enum.reduce(points, {0, List.last(points) |> elem(0) |> number_of() |> Kernel.-(0x1_0000_0000)}, fn {hash, owner}, {sum, last} ->
        at = number_of(hash)
        {if(owner == name, do: sum + at - last, else: sum), at}
      end)

    round(total * 100 / 0x1_0000_0000)
  end

  defp number_of(<<prefix::32, _::binary>>), do: prefix
end

defmodule Demo do
  alias Demo.{Cluster, Picture, Programs, Wait}

  @names ["cpp1", "cpp2", "cpp3"]

  def run do
    cookie = File.read!(Path.join(System.fetch_env!("DEMO_RUN"), "cookie"))
    {:ok, _} = Node.start(:"demo@127.0.0.1", :longnames)
    Node.set_cookie(String.to_atom(cookie))
    Application.load(:supervisorring)
    Application.put_env(:supervisorring, :members, Enum.map(@names, &Programs.node_of/1))

    form_a_ring()
    increment_everything()
    lose_a_member()
    bring_it_home()
    leave_gracefully()
    finish(System.get_env("DEMO_KEEP"))
  end

  defp form_a_ring do
    step("Three C++ nodes form a ring; this Elixir node is a client of it")
    Programs.start("cpp1", nil)
    Programs.start("cpp2", "cpp1")
    Programs.start("cpp3", "cpp1")
    Cluster.await_up(@names)
    counters = Wait.until("the 12 counters to answer", &Cluster.counters/0)
    Picture.ring(@names)
    Picture.table(counters, @names)
  end

  defp increment_everything do
    step("GenServer.call({Name, :supervisorring.find(DemoSup, Id)}, :increment), three rounds")
    for _ <- 1..3, id <- DemoSup.ids(), do: Cluster.call(id, :increment)
    Picture.table(Cluster.counters(), @names)
  end

  defp lose_a_member do
    before = Cluster.counters()
    lost = on(before, "cpp2")
    step("kill -9 cpp2, which has #{list(lost)}")
    started = Wait.now_ms()
    Programs.kill("cpp2", "KILL")

    afterwards =
      Wait.until("the counters of cpp2 to run elsewhere", fn ->
        counters = Cluster.counters()
        on(counters, "cpp2") == [] && counters
      end)

    took = Wait.now_ms() - started
    Picture.table(afterwards, @names -- ["cpp2"])
    IO.puts("    #{length(lost)} counters run elsewhere #{took} ms after the kill. Their counts died with cpp2: they start at 0 again.")
    0 = Enum.sum(for id <- lost, do: elem(afterwards[id], 1))
    unmoved = DemoSup.ids() -- lost
    true = Enum.all?(unmoved, fn id -> afterwards[id] == before[id] end)
    IO.puts("    The other #{length(unmoved)} did not move and kept theirs.")
  end

  defp bring_it_home do
    step("cpp2 starts again; what moves home keeps its count (migrate)")
    for id <- DemoSup.ids(), do: Cluster.call(id, :increment)
    before = Cluster.counters()
    started = Wait.now_ms()
    Programs.start("cpp2", "cpp1")
    Cluster.await_up(@names)

    afterwards =
      Wait.until("the counters to come home", fn ->
        counters = Cluster.counters()
        on(counters, "cpp2") != [] && counters
      end)

    Picture.table(afterwards, @names)
    same_counts!(before, afterwards)
    moved = for id <- DemoSup.ids(), elem(before[id], 0) != elem(afterwards[id], 0), do: id
    IO.puts("    #{list(moved)} moved home with their counts, #{Wait.now_ms() - started} ms after the start of the program.")
  end

  defp leave_gracefully do
    before = Cluster.counters()
    step("cpp3 is asked to leave (SIGTERM); it hands over #{list(on(before, "cpp3"))}")
    os_pid = Programs.kill("cpp3", "TERM")
    Programs.await_end("cpp3", os_pid)
    Cluster.await_up(@names -- ["cpp3"])
    afterwards = Wait.until("the counters to answer", &Cluster.counters/0)
    Picture.table(afterwards, @names -- ["cpp3"])
    same_counts!(before, afterwards)
    IO.puts("    Nothing is lost: all #{map_size(afterwards)} counts are what they were.")
  end

  defp finish(keep) when keep in [nil, ""] do
    IO.puts("\nThe demo ends here and takes its processes with it; make demo KEEP=1 leaves them up.")
  end

  defp finish(_keep) do
    cookie = "$(cat #{System.fetch_env!("DEMO_RUN")}/cookie)"

    IO.puts("""

    The cluster is up. Attach with
        iex --name me@127.0.0.1 --cookie #{cookie} --remsh demo@127.0.0.1
    and try
        :supervisorring.which_children(DemoSup)
        GenServer.call({:c1, :supervisorring.find(DemoSup, :c1)}, :increment)
        GenServer.call({:via, :supervisorring, {DemoSup, :c1}}, :get)
        :rpc.call(:"cpp1@127.0.0.1", :erlang, :node, [])
    Look at a member with
        priv/ringnode status --name cpp1@127.0.0.1 --cookie-file #{System.fetch_env!("DEMO_RUN")}/cookie
    End it with
        make demo-stop
    """)

    File.write!(Path.join(System.fetch_env!("DEMO_RUN"), "kept"), "")
    Process.sleep(:infinity)
  end

  defp on(counters, name), do: for({id, {node, _}} <- counters, node == Programs.node_of(name), do: id) |> Enum.sort_by(&Picture.number/1)
  defp list(ids), do: ids |> Enum.sort_by(&Picture.number/1) |> Enum.join(", ")

  defp same_counts!(before, afterwards) do
    for id <- DemoSup.ids(), elem(before[id], 1) != elem(afterwards[id], 1) do
      raise "#{id} had #{elem(before[id], 1)} and has #{elem(afterwards[id], 1)}"
    end
  end

  defp step(text), do: IO.puts("\n" <> text)
end

try do
  Demo.run()
rescue
  error ->
    IO.puts(:stderr, "the demo failed: " <> Exception.message(error))
    for log <- Path.wildcard(Path.join(System.get_env("DEMO_RUN"), "*.log")) do
      IO.puts(:stderr, "--- #{Path.basename(log)}")
      IO.puts(:stderr, log |> File.read!() |> String.split("\n") |> Enum.take(-20) |> Enum.join("\n"))
    end
    System.halt(1)
end
