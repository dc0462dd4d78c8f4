namespace Sos.Firewall.Tables;

/// <summary>The things that a rule does with a set that packets fill.</summary>
public enum SetOperation : byte
{
    /// <summary>Goes on if the element is there (<c>@set</c>).</summary>
    LookUp = 0,

    /// <summary>Adds the element; one that is there keeps its time (<c>add @set</c>).</summary>
    Add = 1,

    /// <summary>Adds the element; for one that is there its time begins anew (<c>update @set</c>).</summary>
    Update = 2,

    /// <summary>Removes the element, if it is there (<c>delete @set</c>).</summary>
    Delete = 3,
}
