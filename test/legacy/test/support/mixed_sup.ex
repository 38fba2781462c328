defmodule MixedSup do
  @moduledoc """
  A supervisor of twelve counters and those that are added; the added ones are kept in one
  file that all members share, `config :legacy, children_file:`.
  """
  use Supervisorring

  def ids, do: for(n <- 1..12, do: :"m#{n}")

  def counter(id) do
    {id, {:gen_server, :start_link, [{:local, id}, Counter, [], []]}, :permanent, 2000, :worker,
     [Counter]}
  end

  # An end of the process that starts it, as of a remote call, is not its end.
  def start do
    {:ok, pid} = Supervisorring.start_link(__MODULE__, [], name: __MODULE__)
    Process.unlink(pid)
    {:ok, pid}
  end

  def init(_arg), do: {:ok, {{:one_for_one, 20, 5}, Enum.map(ids(), &counter/1) ++ [dynamic()]}}

  def migrate(_child, old, new), do: GenServer.cast(new, {:set, GenServer.call(old, :get)})

  def match(id), do: id != :unmatched

  def get_all do
    case File.read(path()) do
      {:ok, bytes} -> :erlang.binary_to_term(bytes)
      {:error, :enoent} -> []
    end
  end

  def add(spec), do: write(List.keystore(get_all(), elem(spec, 0), 0, spec))
  def del(id), do: write(List.keydelete(get_all(), id, 0))

  # Others read it at any time: never half a file.
  defp write(specs) do
    new = "#{path()}.new"
    File.write!(new, :erlang.term_to_binary(specs))
    File.rename(new, path())
  end

  defp path, do: Application.fetch_env!(:legacy, :children_file)
end
