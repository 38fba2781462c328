defmodule UserApp.Cellars do
  @moduledoc "Rooms that belong to some members of the cluster only: to those that `init/1` is given."
  use Supervisorring

  alias UserApp.Rooms

  @doc "Started by a call from elsewhere, whose end is not its end."
  def start(members) do
    {:ok, pid} = Supervisorring.start_link(__MODULE__, members, name: __MODULE__)
    Process.unlink(pid)
    :ok
  end

  def ids, do: for(n <- 1..30, do: {:cellar, n})

  @impl true
  def init(members) do
    {:ok, {%{strategy: :one_for_one, intensity: 20, period: 5, members: members}, Enum.map(ids(), &Rooms.spec/1)}}
  end
end
