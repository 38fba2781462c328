# Two C++ nodes, of which this node is a client. The names carry this VM's process id, so that
# nothing else on the machine is disturbed; an epmd is started only where none runs.
defmodule Ringnode do
  @program Path.expand("../../../priv/ringnode", __DIR__)
  @workers Path.expand("../../../priv/libcounter.so", __DIR__)

  def node_name(name), do: :"#{name}_#{System.pid()}@127.0.0.1"

  def start(name, dir, args) do
    cookie_file = Path.join(dir, "cookie")
    File.write!(cookie_file, Atom.to_string(Node.get_cookie()))
    File.chmod!(cookie_file, 0o600)

    command =
      [
        "run",
        "--name",
        "#{node_name(name)}",
        "--cookie-file",
        cookie_file,
        "--listen",
        "127.0.0.1"
      ] ++
        ["--data-dir", Path.join(dir, name), "--workers", @workers] ++
        ["--supervisor", "'Elixir.UserSup'='Elixir.UserSup'@#{Node.self()}"] ++ args

    open(@program, command)
  end

  def ensure_epmd do
    case :erl_epmd.names(~c"127.0.0.1") do
      {:ok, _names} ->
        :ok

      {:error, _reason} ->
        open(System.find_executable("epmd"), ["-address", "127.0.0.1"])
        wait(fn -> match?({:ok, _names}, :erl_epmd.names(~c"127.0.0.1")) end)
    end
  end

  def wait(done, tries \\ 300) do
    result =
      try do
        done.()
      catch
        :exit, reason -> {:exit, reason}
      end

    cond do
      result == true -> :ok
      tries == 0 -> raise "waited too long; the last answer was #{inspect(result)}"
      true -> Process.sleep(50) && wait(done, tries - 1)
    end
  end

  # The port belongs to a process of its own, which
  # reads what the program prints.
  defp open(program, args) do
    parent = self()

    spawn_link(fn ->
      port = Port.open({:spawn_executable, program}, [:binary, :stderr_to_stdout, args: args])
      {:os_pid, os_pid} = Port.info(port, :os_pid)
      send(parent, {:started, os_pid})
      drain(port)
    end)

    receive do
      {:started, os_pid} -> System.at_exit(fn _status -> kill(os_pid) end)
    end
  end

  defp kill(os_pid), do: System.cmd("kill", ["-KILL", "#{os_pid}"])

  defp drain(port) do
    receive do
      {^port, {:data, _text}} -> drain(port)
    end
  end
end

dir = Path.join(System.tmp_dir!(), "user_app_#{System.pid()}")
File.mkdir_p!(dir)
System.at_exit(fn _status -> File.rm_rf!(dir) end)
Ringnode.ensure_epmd()
{:ok, _} = Node.start(Ringnode.node_name("user"), :longnames)
Node.set_cookie(:"cookie_#{:erlang.unique_integer([:positive])}")

Application.put_env(:supervisorring, :members, [
  Ringnode.node_name("cpp1"),
  Ringnode.node_name("cpp2")
])

Ringnode.start("cpp1", dir, [])
Ringnode.start("cpp2", dir, ["--join", "#{Ringnode.node_name("cpp1")}"])

ExUnit.start()
