defmodule MixUser.Sup do
  use Supervisorring
  def init(_arg), do: {:ok, {{:one_for_one, 2, 3}, [dynamic()]}}
end

defmodule MixUser do
  @moduledoc "Checks what the release holds."

  def check do
    program = Application.app_dir(:supervisorring, "priv/ringnode")
    {"ringnode" <> _, 0} = System.cmd(program, ["--version"])

    true = Protocol.consolidated?(Enumerable)
    set = LWWElemSet.new([:a, :b]) |> LWWElemSet.delete(:a)
    [:b] = Enum.to_list(set)
    "%LWWElemSet<[:b]>" = inspect(set)
    %LWWElemSet{} = set
    {:dyn_child_handler, MixUser.Sup} = MixUser.Sup.dynamic()
    :b = ConsistentHash.ring_for_nodes(set) |> ConsistentHash.node_for_key(:x)

    IO.puts("supervisorring works")
  end
end
