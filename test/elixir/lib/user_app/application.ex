defmodule UserApp.Application do
  @moduledoc "The supervisor of rooms in an ordinary supervision tree."
  use Application

  @impl true
  def start(_type, _args) do
    children = if Application.get_env(:user_app, :rooms, true), do: [UserApp.Watcher, rooms()], else: []
    Supervisor.start_link(children, strategy: :one_for_one, name: UserApp.Supervisor)
  end

  # When the rooms give up on every member, this tree starts them again.
  defp rooms do
    %{
      id: UserApp.Rooms,
      start: {Supervisorring, :start_link, [UserApp.Rooms, [], [name: UserApp.Rooms]]},
      type: :supervisor
    }
  end
end
