using Sos.Sdk.Control;
using Sos.Sdk.Services;

namespace Sos.Firewall.Capture;

/// <summary>The memory that programs of Linux's read and the service writes: captured frames, then listed flows, then logged packets.</summary>
internal static class ReaderMemory
{
    /// <summary>Finds it: the last piece of shared memory that the service was given.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <returns>The piece; one of no bytes where there is none.</returns>
    public static Resource Find(ref ServiceSetup setup)
    {
        Resource last = default;
        for (uint i = 0; setup.TryFindResource(ResourceKind.Shared, i, out Resource memory); i++)
        {
            last = memory;
        }

        return last;
    }
}
