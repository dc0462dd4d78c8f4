namespace Sos.Sdk.Scheduling;

/// <summary>One task of a service. Implemented by structs and composed by generics: the calls are direct.</summary>
public interface IPollTask
{
    /// <summary>Does a bounded piece of work and returns.</summary>
    /// <param name="now">The TSC as read at the start of this pass.</param>
    /// <returns>Units of work done, packets or timers; 0 when there was nothing to do.</returns>
    int Run(ulong now);
}
