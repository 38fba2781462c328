# BEAMs that run the application as members of one ring, each with the program beside it.
defmodule Member do
  def start(name, dir, options \\ []) do
    node_name = Ringnode.node_name(name)
    [short, host] = String.split("#{node_name}", "@")
    paths = Enum.flat_map(:code.get_path(), &[~c"-pa", &1])

    {:ok, peer, ^node_name} =
      :peer.start(%{
        name: String.to_charlist(short),
        host: String.to_charlist(host),
        longnames: true,
        args: [~c"-setcookie", ~c"#{Node.get_cookie()}", ~c"-kernel", ~c"logger_level", ~c"warning" | paths]
      })

    System.at_exit(fn _status -> stop(peer) end)
    call(node_name, Application, :ensure_all_started, [:elixir])

    for {app, key, value} <- [
          {:supervisorring, :program, true},
          {:supervisorring, :join, Keyword.get(options, :join, [])},
          {:nano_ring, :data_dir, Path.join(dir, name)},
          {:user_app, :rooms, true},
          {:user_app, :shared_dir, dir}
        ],
        do: call(node_name, Application, :put_env, [app, key, value, [persistent: true]])

    {:ok, _started} = call(node_name, Application, :ensure_all_started, [:user_app])
    %{peer: peer, node: node_name, name: name}
  end

  # As a machine that loses its power.
  def stop(peer), do: if(Process.alive?(peer), do: :peer.stop(peer))

  def call(node, module, function, args), do: :erpc.call(node, module, function, args, 15_000)
end
