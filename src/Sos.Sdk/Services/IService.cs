namespace Sos.Sdk.Services;

/// <summary>
/// A service: the one program of a service core. It is a struct, so that the poll loop calls it directly,
/// and it lives in the arena from initialisation to the end.
/// </summary>
/// <remarks>
/// It allocates nothing after <see cref="Initialize"/>, throws nothing, and returns from <see cref="Poll"/> soon:
/// nothing else runs on the core until it does.
/// </remarks>
public interface IService
{
    /// <summary>Takes memory, ports and counters from <paramref name="setup"/>, once, before the first poll.</summary>
    /// <returns>0 when ready; anything else ends the service with that exit code.</returns>
    long Initialize(ref ServiceSetup setup);

    /// <summary>Does what is there to do and returns.</summary>
    /// <param name="now">The TSC as read at the start of this pass.</param>
    void Poll(ulong now);
}
