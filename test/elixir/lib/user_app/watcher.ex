defmodule UserApp.Watcher do
  @moduledoc "Keeps the last event of the ring, as a program does that shows who is up."
  use Agent

  defmodule Handler do
    @moduledoc false
    @behaviour :gen_event

    @impl true
    def init(watcher), do: {:ok, watcher}

    @impl true
    def handle_event(event, watcher) do
      Agent.update(watcher, &Map.put(&1, elem(event, 0), event))
      {:ok, watcher}
    end

    @impl true
    def handle_call(_request, watcher), do: {:ok, :ok, watcher}
  end

  def start_link(_arg) do
    with {:ok, watcher} <- Agent.start_link(fn -> %{} end, name: __MODULE__) do
      :ok = :gen_event.add_handler(NanoRing.Events, Handler, watcher)
      {:ok, watcher}
    end
  end

  def event(kind), do: Agent.get(__MODULE__, &Map.get(&1, kind))
end
