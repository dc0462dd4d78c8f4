using System;
using Sos.Image;

namespace Sos.Cores.Plan;

/// <summary>How long a service may go without a poll when nobody said how long.</summary>
public static class Watchdog
{
    /// <summary>
    /// Nothing shorter by default. A virtual machine's host may hold up one of its cpus for hundreds of milliseconds, and Linux, which
    /// looks, may be late itself: a service that is ended for either is a harm that a hang found late is not.
    /// </summary>
    public static readonly TimeSpan DefaultMin = TimeSpan.FromSeconds(2);

    /// <summary>The bound for an image.</summary>
    /// <returns>Null when the image promises nothing: then there is no watchdog.</returns>
    public static TimeSpan? ForImage(ServiceImage image)
    {
        ulong boundNs = image.Descriptor.PollBoundNs;
        if (boundNs == 0)
        {
            return null;
        }

        TimeSpan bound = TimeSpan.FromMilliseconds(Math.Min(boundNs / 1e6, TimeSpan.FromDays(1).TotalMilliseconds));
        return bound < DefaultMin ? DefaultMin : bound;
    }
}
