using System.Collections.Generic;
using Sos.Sdk.Control;

namespace Sos.Cores.Loading;

/// <summary>The part of Linux's memory that a service can read.</summary>
/// <param name="Ranges">The ranges, in order of address.</param>
/// <param name="PanicRecord">Physical address of what Linux leaves behind when it panics.</param>
public sealed record LinuxWindow(IReadOnlyList<LinuxRange> Ranges, ulong PanicRecord);
