namespace Sos.Cores.Tests.InMemory;

/// <summary>The behaviour of a service in memory.</summary>
internal enum InMemoryBehaviour
{
    /// <summary>Polls, takes tables, and stops when it is told to.</summary>
    Works,

    /// <summary>Ends as it starts, with exit code 1.</summary>
    EndsAtOnce,
}
