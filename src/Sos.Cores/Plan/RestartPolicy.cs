namespace Sos.Cores.Plan;

/// <summary>When a service that has ended is started again.</summary>
public enum RestartMode
{
    /// <summary>Never; it stays as it ended.</summary>
    Never,

    /// <summary>After a fault, or when the watchdog ended it.</summary>
    OnFault,

    /// <summary>Also when it ended by itself. Not when it was stopped.</summary>
    Always,
}

/// <summary>The policy by which sosd starts a service again that has ended.</summary>
/// <param name="Mode">When it is started again.</param>
/// <param name="Limit">How often in a row; 0 for no limit.</param>
public sealed record RestartPolicy(RestartMode Mode, int Limit)
{
    /// <summary>The limit where none is given.</summary>
    public const int DefaultLimit = 10;

    /// <summary>No restarts.</summary>
    public static RestartPolicy None { get; } = new(RestartMode.Never, DefaultLimit);
}
