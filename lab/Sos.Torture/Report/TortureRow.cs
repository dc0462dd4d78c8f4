using System.Collections.Generic;

namespace Sos.Torture.Report;

/// <summary>The outcome of one kind of trouble.</summary>
/// <param name="Kernel">The kernel series.</param>
/// <param name="Kind">The kind.</param>
internal sealed record TortureRow(string Kernel, string Kind)
{
    /// <summary>How often it was made.</summary>
    public int Tries { get; set; }

    /// <summary>How often it stayed what it was meant to be: a fault that was recorded rightly, a service that went on.</summary>
    public int Contained { get; set; }

    /// <summary>How often the core took a service again, or went back to Linux, at once. Null where there is no Linux left to ask.</summary>
    public int? CoreReturned { get; set; }

    /// <summary>How often Linux noticed nothing. Null where Linux was to go down.</summary>
    public int? LinuxUnaffected { get; set; }

    /// <summary>Failures, in words.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Whether every try went well.</summary>
    public bool Passed => Tries > 0 && Contained == Tries && (CoreReturned ?? Tries) == Tries && (LinuxUnaffected ?? Tries) == Tries && Problems.Count == 0;

    /// <inheritdoc/>
    public override string ToString()
        => $"{Kernel} {Kind}: {Tries} tries, {Contained} contained, {CoreReturned} returned, {LinuxUnaffected} unaffected; {string.Join("; ", Problems)}";
}
