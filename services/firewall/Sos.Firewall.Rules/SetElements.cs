namespace Sos.Firewall.Rules;

/// <summary>Which elements of a named set count.</summary>
internal enum SetElements
{
    /// <summary>All, of a set that only a reload changes; any other set is an error.</summary>
    Fixed,

    /// <summary>All that are listed, also those that will go by themselves.</summary>
    All,

    /// <summary>Those that outlive a table that is replaced as Linux's rules are followed.</summary>
    Lasting,
}
