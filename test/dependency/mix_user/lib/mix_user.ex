defmodule MixUser.Sup do
  use Supervisorring

  def init(_arg) do
    child = {:child, {Agent, :start_link, [Kernel, :node, [], [name: :child]]}, :permanent, 2000, :worker, [Agent]}
    {:ok, {{:one_for_one, 2, 3}, [dynamic(), child]}}
  end
end

defmodule MixUser do
  @moduledoc "Checks what the release holds, and that it runs as a ring of one."

  def check do
    program = Application.app_dir(:supervisorring, "priv/ringnode")
    {"ringnode" <> _, 0} = System.cmd(program, ["--version"])

    true = Protocol.consolidated?(Enumerable)
    set = LWWElemSet.new([:a, :b]) |> LWWElemSet.delete(:a)
    [:b] = Enum.to_list(set)
    "%LWWElemSet<[:b]>" = inspect(set)
    %LWWElemSet{} = set
    :b = ConsistentHash.ring_for_nodes(set) |> ConsistentHash.node_for_key(:x)

    {:ok, _started} = Application.ensure_all_started(:mix_user)
    {:ok, _pid} = Supervisorring.start_link(MixUser.Sup, nil, name: MixUser.Sup)
    true = Supervisorring.find(MixUser.Sup, :child) == node()
    true = answer(500) == node()
    true = node() in NanoRing.up()
    true = File.exists?("ring_of_mix_user/ring")

    IO.puts("supervisorring works")
  end

  # The child is started a moment after the supervisor, as with the original library.
  defp answer(tries) do
    Agent.get({:via, :supervisorring, {MixUser.Sup, :child}}, & &1)
  catch
    :exit, _reason when tries > 0 ->
      Process.sleep(10)
      answer(tries - 1)
  end
end
