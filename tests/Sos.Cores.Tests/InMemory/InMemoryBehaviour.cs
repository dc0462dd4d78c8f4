namespace Sos.Cores.Tests.InMemory;

/// <summary>What a service in memory does.</summary>
internal enum InMemoryBehaviour
{
    /// <summary>It polls, takes tables, and stops when it is told to.</summary>
    Works,

    /// <summary>It ends as it starts, with exit code 1.</summary>
    EndsAtOnce,
}
