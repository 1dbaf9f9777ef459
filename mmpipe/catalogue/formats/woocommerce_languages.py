"""What WooCommerce calls the columns of its export in other languages than English, from exports of shops.

German, French, Spanish, Dutch, Italian, Portuguese, Polish, Chinese and Japanese; older and newer names of
one column stand beside each other. A language uses the English name where none is given.
"""

from __future__ import annotations

from typing import Final

_NAMES: Final = {
    "ID": "Identyfikator",
    "SKU": "Artikelnummer | UGS | COD",
    "Type": "Typ | Tipo | Rodzaj | 类型 | タイプ",
    "Parent": "Übergeordnetes Produkt | Superior | Hoofd | Genitore | Ascendente | Element nadrzędny"
    " | 父级 | 親",
    "GTIN, UPC, EAN, or ISBN": "GTIN, UPC, EAN oder ISBN | GTIN, UPC, EAN ou ISBN | GTIN, UPC, EAN o ISBN"
    " | GTIN, UPC, EAN of ISBN | GTIN, UPC, EAN lub ISBN",
    "Name": "Nom | Nombre | Naam | Nome | Nazwa | 名称 | 名前",
    "Published": "Veröffentlicht | Publié | Publicado | Gepubliceerd | Pubblicato | Opublikowano | 已发布"
    " | 公開済み",
    "Visibility in catalog": "Sichtbarkeit im Katalog | Visibilité dans le catalogue"
    " | Visibilidad en el catálogo | Zichtbaarheid in catalogus | Visibilità nel catalogo"
    " | Visibilidade no catálogo | Widoczność w katalogu | 在列表页可见 | カタログでの表示",
    "Description": "Beschreibung | Descripción | Beschrijving | Descrizione | Descrição | Opis | 描述 | 説明",
    "Short description": "Kurzbeschreibung | Description courte | Descripción corta | Korte omschrijving"
    " | Korte beschrijving | Breve descrizione | Descrição curta | Krótki opis | 简短描述 | 簡単な説明",
    "Regular price": "Regulärer Preis | Tarif régulier | Precio normal | Reguliere prijs"
    " | Prezzo di listino | Preço | Cena | 常规售价 | 標準価格",
    "Sale price": "Angebotspreis | Tarif promo | Precio rebajado | Actieprijs | Prezzo in offerta"
    " | Preço promocional | Cena promocyjna | 促销价格 | セール価格",
    "Date sale price starts": "Datum, an dem Angebotspreis beginnt"
    " | Datum, an dem der Angebotspreis beginnt | Date de début de promo"
    " | Día en que empieza el precio rebajado | Startdatum actieprijs"
    " | Data di partenza del prezzo in saldo | Data de preço promocional começa em"
    " | Data rozpoczęcia promocji | 促销开始日期 | セール価格の開始日",
    "Date sale price ends": "Datum, an dem Angebotspreis endet | Datum, an dem der Angebotspreis endet"
    " | Date de fin de promo | Día en que termina el precio rebajado | Einddatum actieprijs"
    " | Termine data del prezzo di vendita | Data de preço promocional termina em"
    " | Data zakończenia promocji | 促销截止日期 | セール価格の終了日",
    "In stock?": "Vorrätig? | En stock ? | ¿Existencias? | ¿En inventario? | Op voorraad? | Em estoque?"
    " | W magazynie? | 有货？ | 有货? | 在庫の有無",
    "Stock": "Bestand | Lager | Inventario | Voorraad | Magazzino | Estoque | Stan magazynowy | Magazyn"
    " | 库存 | 在庫",
    "Backorders allowed?": "Lieferrückstände erlaubt? | Lieferrückstande erlaubt?"
    " | Autoriser les commandes de produits en rupture ? | ¿Permitir reservas de productos agotados?"
    " | Nabestellingen toestaan? | Abilita gli ordini arretrati? | São permitidas encomendas?"
    " | Pozwalać na zamówienia oczekujące (na dostawę do magazynu)? | 允许缺货下单？ | 允许缺货下单?"
    " | お取り寄せを許可する ?",
    "Categories": "Kategorien | Catégories | Categorías | Categorieën | Categorie | Categorias | Kategorie"
    " | 分类 | カテゴリー",
    "Tags": "Schlagwörter | Étiquettes | Etiquetas | Etichette | Tagi | 标签 | タグ",
    "Brands": "Brand | Marken | Marke | Marques | Marque | Marcas | Marca | Merken | Merk | Marki | 品牌"
    " | ブランド",
    "Images": "Bilder | Imágenes | Afbeeldingen | Immagine | Immagini | Imagens | Obrazki | 图片 | 画像",
    "External URL": "Externe URL | URL externe | URL externa | URL esterna | Zewnętrzny adres URL"
    " | 外部链接 | 外部 URL",
    "Weight": "Gewicht | Poids | Peso | Waga | 重量",
    "Length": "Länge | Longueur | Longitud | Lengte | Lunghezza | Comprimento | Długość | 长度 | 長さ",
    "Width": "Breite | Largeur | Anchura | Breedte | Larghezza | Largura | Szerokość | 宽度 | 幅",
    "Height": "Höhe | Hauteur | Altura | Hoogte | Altezza | Wysokość | 高度 | 高さ",
    "Attribute {n} name": "Attribut {n} Name | Nom de l’attribut {n} | Nom de l'attribut {n}"
    " | Nombre del atributo {n} | Naam eigenschap {n} | Attributo {n} nome | Nome do atributo {n}"
    " | Nazwa atrybutu {n} | 属性 {n} 名称 | 属性{n}名称",
    "Attribute {n} value(s)": "Attribut {n} Wert(e) | Valeur(s) de l’attribut {n}"
    " | Valeur(s) de l'attribut {n} | Valor(es) del atributo {n} | Waarde eigenschap {n}"
    " | Attributo {n} valore(i) | Attributo {n} valuta(e) | Valores do atributo {n}"
    " | Wartości atrybutu {n} | 属性 {n} 值 | 属性{n}值",
    "Attribute {n} visible": "Attribut {n} Sichtbar | Attribut {n} visible | Atributo visible {n}"
    " | Zichtbare eigenschap {n} | Attributo {n} visibile | Visibilidade do atributo {n}"
    " | Atrybut {n} widoczny | 属性 {n} 可见 | 属性{n}可见",
}


def translations_of(name: str) -> tuple[str, ...]:
    """What an English column is called in other languages."""
    return tuple(_NAMES[name].split(" | ")) if name in _NAMES else ()
