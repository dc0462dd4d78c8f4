using System;

namespace Sos.Image.Building;

/// <summary>Tells the core library's methods and the runtime's helpers from the author's, by ILC's names.</summary>
internal static class CoreLibrary
{
    private static readonly string[] Prefixes =
    [
        "S_P_", "System_", "Internal_", "Rh", "__", "_", "<unbox>", "unbox_", "<Boxed>",
        "Object__", "String__", "Char__", "Bool__", "Int8__", "UInt8__", "Int16__", "UInt16__", "Int32__", "UInt32__", "Int64__",
            "UInt64__",
        "IntPtr__", "UIntPtr__", "Single__", "Double__",
    ];

    public static bool Contains(string symbol) => Array.Exists(Prefixes, p => symbol.StartsWith(p, StringComparison.Ordinal));
}
